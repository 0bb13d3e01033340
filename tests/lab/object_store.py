"""Serves S3 at an address, with the bucket `harbor`; prints the only key that opens it, and goes on.

It ends with its standard input.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

# What is asked before keys and signatures are checked: the four requests below.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "4"

import boto3
from moto.server import ThreadedMotoServer


def main(address: str, port: int) -> None:
    server = ThreadedMotoServer(ip_address=address, port=port, verbose=False)
    server.start()

    def client(service: str) -> Any:
        return boto3.client(service, endpoint_url=f"http://{address}:{port}", region_name="us-east-1",
                            aws_access_key_id="anybody", aws_secret_access_key="anything")  # fmt: skip

    iam = client("iam")
    iam.create_user(UserName="harbor")
    key = iam.create_access_key(UserName="harbor")["AccessKey"]
    allowed = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}
    iam.put_user_policy(UserName="harbor", PolicyName="all", PolicyDocument=json.dumps(allowed))
    client("s3").create_bucket(Bucket="harbor")
    print(json.dumps({"s3_access_key": key["AccessKeyId"], "s3_secret_key": key["SecretAccessKey"]}), flush=True)
    sys.stdin.read()
    server.stop()


main(sys.argv[1], int(sys.argv[2]))
