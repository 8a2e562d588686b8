"""Files of clients lie in pieces, which nobody has to hold as a whole.

They live for a day, so there are few; each is read, cut and written by itself.
"""

import gzip

import django.db.models.deletion
from django.db import migrations, models

PIECE = 512 * 1024
GZIP = b"\x1f\x8b"


def cut(apps, schema_editor):
    upload_model = apps.get_model("mailing", "ClientImport")
    piece_model = apps.get_model("mailing", "ClientImportPiece")
    for pk in upload_model.objects.filter(data__isnull=False).values_list("pk", flat=True):
        data = bytes(upload_model.objects.values_list("data", flat=True).get(pk=pk))
        for number, start in enumerate(range(0, len(data), PIECE)):
            piece_model.objects.create(upload_id=pk, number=number, data=data[start : start + PIECE])


def join(apps, schema_editor):
    upload_model = apps.get_model("mailing", "ClientImport")
    piece_model = apps.get_model("mailing", "ClientImportPiece")
    for pk in list(piece_model.objects.order_by().values_list("upload", flat=True).distinct()):
        pieces = piece_model.objects.filter(upload=pk).order_by("number").values_list("data", flat=True)
        upload_model.objects.filter(pk=pk).update(data=b"".join(map(bytes, pieces)))
    for upload in upload_model.objects.filter(problems__isnull=False).only("pk", "problems"):
        problems = bytes(upload.problems)
        if problems.startswith(GZIP):
            upload_model.objects.filter(pk=upload.pk).update(problems=gzip.decompress(problems))


class Migration(migrations.Migration):

    dependencies = [
        ('mailing', '0008_trial_letters'),
    ]

    operations = [
        migrations.CreateModel(
            name='ClientImportPiece',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveSmallIntegerField()),
                ('data', models.BinaryField()),
                ('upload', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='pieces', to='mailing.clientimport', verbose_name='file')),
            ],
            options={
                'verbose_name': 'piece of a file',
                'verbose_name_plural': 'pieces of files',
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('upload', 'number'), name='import_piece_once')],
            },
        ),
        migrations.RunPython(cut, join),
        migrations.RemoveField(
            model_name='clientimport',
            name='data',
        ),
    ]
