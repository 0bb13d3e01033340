"""Where the images are kept."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from harbor_wizard.model.fields import (
    AbsolutePath,
    Domain,
    LocalPath,
    Part,
    SecretReference,
    Url,
    Word,
)


class FilesystemStorage(Part):
    """A shared file system that is mounted on every Harbor node already."""

    type: Literal["filesystem"] = Field(description="filesystem", examples=["filesystem"])
    path: AbsolutePath = Field(
        description="a folder of a shared file system, mounted on every Harbor node",
        examples=["/mnt/shared/harbor"],
    )


class NfsStorage(Part):
    """An NFS export, mounted on every Harbor node by the wizard."""

    type: Literal["nfs"] = Field(description="nfs", examples=["nfs"])
    server: Domain = Field(description="the NFS server", examples=["10.0.0.41"])
    export: AbsolutePath = Field(description="the exported path", examples=["/export/harbor"])
    options: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.,=:-]+$")] = Field(
        # Several registries on one export read stale directories otherwise (harbor #15234).
        "vers=4.2,hard,sync,noac", description="mount options", examples=["vers=4.2,hard,sync"]
    )


class S3Storage(Part):
    """A bucket of S3 or of what speaks its protocol."""

    type: Literal["s3"] = Field(description="s3", examples=["s3"])
    bucket: Word = Field(description="the bucket's name", examples=["harbor"])
    region: Word = Field(description="the bucket's region", examples=["eu-central-1"])
    endpoint: Url | None = Field(
        None, description="the URL of an S3 service other than Amazon's",
        examples=["https://s3.example.com"],
    )  # fmt: skip
    access_key: SecretReference = Field(
        "secret:s3_access_key", description="a reference to the access key",
        examples=["secret:s3_access_key"],
    )  # fmt: skip
    secret_key: SecretReference = Field(
        "secret:s3_secret_key", description="a reference to the secret key",
        examples=["secret:s3_secret_key"],
    )  # fmt: skip
    root: Word | None = Field(
        None, description="a folder within the bucket", examples=["registry"]
    )
    redirect: bool = Field(
        True, description="false where the clients cannot reach the bucket themselves",
        examples=[False],
    )  # fmt: skip


class SwiftStorage(Part):
    """A container of OpenStack Swift."""

    type: Literal["swift"] = Field(description="swift", examples=["swift"])
    container: Word = Field(description="the container's name", examples=["harbor"])
    auth_url: Url = Field(
        description="Keystone's URL", examples=["https://keystone.example.com:5000/v3"]
    )
    username: Word = Field(description="the user's name", examples=["harbor"])
    password: SecretReference = Field(
        "secret:swift_password", description="a reference to the user's password",
        examples=["secret:swift_password"],
    )  # fmt: skip
    tenant: Word | None = Field(None, description="the project", examples=["admin"])
    domain: Word | None = Field(None, description="the domain", examples=["default"])
    region: Word | None = Field(None, description="the region", examples=["RegionOne"])
    redirect: bool = Field(
        True, description="false where the clients cannot reach the store themselves",
        examples=[False],
    )  # fmt: skip


class GcsStorage(Part):
    """A bucket of Google Cloud Storage."""

    type: Literal["gcs"] = Field(description="gcs", examples=["gcs"])
    bucket: Word = Field(description="the bucket's name", examples=["harbor"])
    key_file: LocalPath = Field(
        description="the path of the service account's key (JSON)", examples=["gcs.json"]
    )
    root: Word | None = Field(
        None, description="a folder within the bucket", examples=["registry"]
    )
    redirect: bool = Field(
        True, description="false where the clients cannot reach the bucket themselves",
        examples=[False],
    )  # fmt: skip


class AzureStorage(Part):
    """A container of Azure's blob storage."""

    type: Literal["azure"] = Field(description="azure", examples=["azure"])
    account: Word = Field(description="the storage account's name", examples=["harborimages"])
    container: Word = Field(description="the container's name", examples=["harbor"])
    account_key: SecretReference = Field(
        "secret:azure_account_key", description="a reference to the account's key",
        examples=["secret:azure_account_key"],
    )  # fmt: skip
    realm: Domain | None = Field(
        None, description="the endpoint's domain, where it is not Azure's public cloud",
        examples=["core.chinacloudapi.cn"],
    )  # fmt: skip
    redirect: bool = Field(
        True, description="false where the clients cannot reach the container themselves",
        examples=[False],
    )  # fmt: skip


class OssStorage(Part):
    """A bucket of Alibaba Cloud's object storage."""

    type: Literal["oss"] = Field(description="oss", examples=["oss"])
    bucket: Word = Field(description="the bucket's name", examples=["harbor"])
    region: Word = Field(description="the bucket's region", examples=["oss-cn-hangzhou"])
    endpoint: Word | None = Field(
        None, description="the endpoint's host name, where it is not the public one",
        examples=["harbor.oss-cn-hangzhou-internal.aliyuncs.com"],
    )  # fmt: skip
    access_key: SecretReference = Field(
        "secret:oss_access_key", description="a reference to the access key",
        examples=["secret:oss_access_key"],
    )  # fmt: skip
    secret_key: SecretReference = Field(
        "secret:oss_secret_key", description="a reference to the secret key",
        examples=["secret:oss_secret_key"],
    )  # fmt: skip
    root: Word | None = Field(
        None, description="a folder within the bucket", examples=["registry"]
    )
    redirect: bool = Field(
        True, description="false where the clients cannot reach the bucket themselves",
        examples=[False],
    )  # fmt: skip


class LocalStorage(Part):
    """Each Harbor's own data volume: for solutions that replicate instead of sharing."""

    type: Literal["local"] = Field(description="local", examples=["local"])


ObjectStorage = S3Storage | SwiftStorage | GcsStorage | AzureStorage | OssStorage

Storage = Annotated[
    LocalStorage | FilesystemStorage | NfsStorage | ObjectStorage,
    Field(discriminator="type", description="where the images are kept",
          examples=[{"type": "filesystem", "path": "/mnt/shared/harbor"}]),
]  # fmt: skip
