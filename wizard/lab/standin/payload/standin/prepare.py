"""What prepare does: keeps some secrets, draws others anew, writes the configuration."""

import os
import secrets
import shutil
import string
import subprocess
import sys
from pathlib import Path

import bcrypt
import yaml

from standin import releases

OWNER = 10000
BUNDLED_OWNER = 999
ALPHABET = string.ascii_letters + string.digits


def draw(length):
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def put(path, content, owner=OWNER, mode=0o640):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    path.chmod(mode)
    if os.geteuid() == 0:
        os.chown(path, owner, owner)


def keep(path, make):
    """Write a secret file only where there is none."""
    if not path.exists():
        put(path, make(), mode=0o600)
        print(f"Generated and saved secret to file: {path}")


def key_pair(data):
    """The key that signs tokens and its certificate: both anew if one is missing."""
    key, certificate = data / "secret/core/private_key.pem", data / "secret/registry/root.crt"
    if key.exists() and certificate.exists():
        return
    for path in (key, certificate):
        path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:4096", "-nodes", "-days", "3650", "-subj",
         "/CN=stand-in", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    subprocess.run(["openssl", "rsa", "-traditional", "-in", str(key), "-out", str(key)],
                   check=True, capture_output=True)  # fmt: skip
    for path in (key, certificate):
        path.chmod(0o600)
        if os.geteuid() == 0:
            os.chown(path, OWNER, OWNER)
    print(f"Successfully called func: create_root_cert ({key})")


def check(config, tag):
    """The rejections that the real one of this release has."""
    hostname = config["hostname"]
    config["data_volume"], config["log"]["local"]
    if releases.has(tag, "job_loggers"):
        config["jobservice"]["job_loggers"]
    if hostname in ("127.0.0.1", "reg.mydomain.com"):
        print(f"Error happened in config validation...\n127.0.0.1 can not be the hostname: {hostname}")
        sys.exit(255)
    if "external_database" not in config and "database" not in config:
        raise KeyError("harbor_db_password")
    if "redirect" in config.get("storage_service", {}):
        config["storage_service"]["redirect"]["disable" if releases.has(tag, "redirect.disable") else "disabled"]


def database_of(config):
    """Where core finds its database: outside, or in the container beside it."""
    if "external_database" in config:
        found = config["external_database"]["harbor"]
        return {"host": found.get("host"), "port": found.get("port"), "name": found.get("db_name"),
                "user": found.get("username"), "password": found.get("password"),
                "ssl": found.get("ssl_mode") or ""}  # fmt: skip
    return {"host": "postgresql", "port": 5432, "name": "registry", "user": "postgres",
            "password": config["database"]["password"], "ssl": "disable"}  # fmt: skip


def redis_of(config, tag):
    found = config.get("external_redis")
    if not found:
        found = {"host": "redis:6379"}
    elif not releases.has(tag, "redis host with its port"):
        found = {**found, "host": f"{found['host']}:{found['port']}"}
    return {"REDIS_HOST": found["host"], "REDIS_PASSWORD": found.get("password") or "",
            "REDIS_MASTER": found.get("sentinel_master_set") or ""}  # fmt: skip


def folder(path, owner, mode=None):
    path.mkdir(parents=True, exist_ok=True)
    if mode is not None:
        path.chmod(mode)
    if os.geteuid() == 0 and path.stat().st_uid != owner:
        os.chown(path, owner, owner)


def env(values):
    return "".join(f"{name}={value}\n" for name, value in values.items())


def main(input_dir, data, compose_location, config_dir, tag):
    config = yaml.safe_load((input_dir / "harbor.yml").read_text())
    check(config, tag)
    print("prepare base dir is set to the installer's folder (stand-in)")
    for path in sorted(config_dir.rglob("*"), reverse=True):
        if path.is_file():
            print(f"Clearing the configuration file: {path}")
            path.unlink()
    for name in ("registry", "job_logs", "ca_download", "secret/keys"):
        folder(data / name, OWNER)
    if "external_database" not in config:
        folder(data / "database", BUNDLED_OWNER, 0o700)
        put(config_dir / "db/env", env({"POSTGRES_PASSWORD": config["database"]["password"]}))
    if not config.get("external_redis"):
        folder(data / "redis", BUNDLED_OWNER)
    keep(data / "secret/keys/secretkey", lambda: draw(16))
    key_pair(data)
    https = config.get("https")
    if https:
        shutil.rmtree(data / "secret/cert", ignore_errors=True)
        for source, name in (("certificate", "server.crt"), ("private_key", "server.key")):
            hostfs = Path("/hostfs") if Path("/hostfs/etc").exists() else Path("/")
            put(data / "secret/cert" / name, (hostfs / https[source].lstrip("/")).read_text(), mode=0o600)
    database, redis = database_of(config), redis_of(config, tag)
    password = draw(32)
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(6)).decode().replace("$2b$", "$2y$")
    put(config_dir / "registry/passwd", f"harbor_registry_user:{hashed}\n")
    storage = {k: v for k, v in config.get("storage_service", {}).items() if k not in ("ca_bundle",)}
    storage = storage or {"filesystem": {"rootdirectory": "/storage"}}
    storage["delete"] = {"enabled": True}
    registry = {
        "version": 0.1,
        "log": {"level": "info"},
        "storage": storage,
        "http": {"addr": ":5000", "secret": "placeholder"},
        "auth": {"htpasswd": {"realm": "harbor-registry-basic-realm", "path": "/etc/registry/passwd"}},
    }
    put(config_dir / "registry/config.yml", yaml.safe_dump(registry))
    shared = {"CORE_SECRET": draw(16), "JOBSERVICE_SECRET": draw(16)}
    core = {
        **shared,
        "CSRF_KEY": draw(32),
        "ROBOT_SCANNER_NAME_PREFIX": draw(8),
        "REGISTRY_CREDENTIAL_USERNAME": "harbor_registry_user",
        "REGISTRY_CREDENTIAL_PASSWORD": password,
        "EXT_ENDPOINT": config.get("external_url") or f"http://{config['hostname']}",
        "HARBOR_ADMIN_PASSWORD": config["harbor_admin_password"],
        "POSTGRESQL_HOST": database["host"],
        "POSTGRESQL_PORT": database["port"],
        "POSTGRESQL_DATABASE": database["name"],
        "POSTGRESQL_USERNAME": database["user"],
        "POSTGRESQL_PASSWORD": database["password"],
        "POSTGRESQL_SSLMODE": database["ssl"],
        **redis,
    }
    put(config_dir / "core/env", env(core))
    # A container is named by a number: a job's log is to say which host ran it.
    node = Path("/hostfs/etc/hostname")
    named = {"STANDIN_NODE": node.read_text().strip()} if node.is_file() else {}
    put(config_dir / "jobservice/env", env({**shared, "CORE_URL": "http://core:8080", **redis, **named}))
    put(config_dir / "registryctl/env", env(shared))
    put(config_dir / "nginx/nginx.conf", nginx(https))
    put(compose_location / "docker-compose.yml", compose(config, tag), owner=0, mode=0o644)
    for made in sorted(config_dir.rglob("*")):
        if made.is_file():
            print(f"Generated configuration file: {made}")
    print("Generated configuration file: /compose_location/docker-compose.yml")
    print("Clean up the input dir")


def nginx(https):
    listen = "listen 8443 ssl; ssl_certificate /etc/cert/server.crt; ssl_certificate_key /etc/cert/server.key;"
    host = "$http_host" if https else "$host"
    redirect = "server { listen 8080; return 308 https://$host$request_uri; }" if https else ""
    return f"""
worker_processes 1;
pid /tmp/nginx.pid;
error_log stderr;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi;
  map $http_x_forwarded_proto $proto {{ default $http_x_forwarded_proto; "" $scheme; }}
  {redirect}
  server {{
    {listen if https else "listen 8080;"}
    client_max_body_size 0;
    proxy_buffering off;
    proxy_request_buffering off;
    proxy_http_version 1.1;
    proxy_set_header Host {host};
    proxy_set_header X-Forwarded-Proto $proto;
    resolver 127.0.0.11 valid=5s;
    set $core http://core:8080;
    set $portal http://portal:8080;
    location / {{ proxy_pass $portal; }}
    location ~ ^/(api|c|service|v2)/ {{ proxy_pass $core; }}
  }}
}}
"""


def compose(config, tag):
    data, log = config["data_volume"], config["log"]["local"]["location"]
    https = config.get("https")
    names = {"log": "harbor-log", "registry": "registry", "registryctl": "registryctl",
             "core": "harbor-core", "portal": "harbor-portal", "jobservice": "harbor-jobservice",
             "proxy": "nginx"}  # fmt: skip
    images = {"log": "harbor-log", "registry": "registry-photon", "registryctl": "harbor-registryctl",
              "core": "harbor-core", "portal": "harbor-portal", "jobservice": "harbor-jobservice",
              "proxy": "nginx-photon"}  # fmt: skip
    volumes = {
        "log": [f"{log}:/var/log/docker"],
        "registry": [f"{data}/registry:/storage", "./common/config/registry:/etc/registry"],
        "registryctl": [],
        "core": [f"{data}/secret/core/private_key.pem:/etc/core/private_key.pem",
                 f"{data}/secret/keys/secretkey:/etc/core/key"],
        "portal": [],
        "jobservice": [f"{data}/job_logs:/var/log/jobs"],
        "proxy": ["./common/config/nginx:/etc/nginx", *([f"{data}/secret/cert:/etc/cert"] if https else [])],
    }  # fmt: skip
    if "external_database" not in config:
        names["postgresql"], images["postgresql"] = "harbor-db", "harbor-db"
        volumes["postgresql"] = [f"{data}/database:/var/lib/postgresql/data"]
    if not config.get("external_redis"):
        names["redis"], images["redis"] = "redis", releases.cache_image(tag)
        volumes["redis"] = [f"{data}/redis:/var/lib/redis"]
    services = {}
    for name in names:
        service = {
            "image": f"goharbor/{images[name]}:{tag}",
            "container_name": names[name],
            "restart": "always",
            "networks": ["harbor"],
            "volumes": volumes[name],
        }
        if name == "log":
            service["ports"] = ["127.0.0.1:1514:10514"]
        else:
            service["depends_on"] = ["log"]
            service["logging"] = {
                "driver": "syslog",
                "options": {"syslog-address": "tcp://localhost:1514", "tag": name},
            }
        if name in ("core", "jobservice", "registryctl"):
            service["env_file"] = [f"./common/config/{name}/env"]
        if name == "postgresql":
            service["env_file"] = ["./common/config/db/env"]
        if name in ("core", "jobservice"):
            service["depends_on"] += [one for one in ("postgresql", "redis") if one in names]
        services[name] = service
    services["proxy"]["ports"] = [f"{config['http']['port']}:8080"]
    if https:
        services["proxy"]["ports"].append(f"{https['port']}:8443")
    services["proxy"]["depends_on"] = ["registry", "core", "portal", "log"]
    return yaml.safe_dump({"services": services, "networks": {"harbor": {}}}, sort_keys=False)


if __name__ == "__main__":
    main(Path("/input"), Path("/data"), Path("/compose_location"), Path("/config"), os.environ["TAG"])
