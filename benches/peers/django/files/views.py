"""The API of files: listed, uploaded, and downloaded by way of nginx."""

from django.http import HttpResponse
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.serializers import ModelSerializer
from rest_framework.viewsets import ModelViewSet

from .models import File


class MaySee(IsAuthenticated):
    """The owner, whom the file is shared with, and everybody signed in where it is shared with all of them."""

    def has_object_permission(self, request, view, file):
        if file.owner_id == request.user.id or file.shared_with_authenticated:
            return True
        return file.shared_with.filter(id=request.user.id).exists()


class FileSerializer(ModelSerializer):
    class Meta:
        model = File
        fields = ["id", "upload"]


class FileViewSet(ModelViewSet):
    queryset = File.objects.all()
    serializer_class = FileSerializer
    permission_classes = [MaySee]

    def perform_create(self, serializer):
        serializer.save(owner=self.request.user)

    @action(detail=True)
    def download(self, request, pk=None):
        file = self.get_object()
        name = file.upload.name
        return HttpResponse(
            content_type="application/octet-stream",
            headers={
                "X-Accel-Redirect": f"/uploads/{name}",
                "Content-Disposition": f'attachment; filename="{name.rpartition("/")[2]}"',
                "Cache-Control": "private, no-store",
            },
        )
