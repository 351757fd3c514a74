"""The everyday of an old SDK: prints one line for each thing that went as documented."""
import hashlib
import io
import os
import socket
import sys
import urllib.request

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.client import Config
from botocore.exceptions import ClientError

url, access, secret = sys.argv[1:4]


def client(signature, style="path"):
    return boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        region_name="us-east-1",
        config=Config(signature_version=signature, s3={"addressing_style": style}),
    )


def code_of(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "no error"


def expect(name, actual, wanted):
    if actual != wanted:
        sys.exit("%s: %r instead of %r" % (name, actual, wanted))
    print("ok", name)


s3 = client("s3v4")
bucket = "boto-v4"
s3.create_bucket(Bucket=bucket)
names = ["a", "dir/b", "dir/c d+e", "dir/\u00fc\u4e2d", "z?&="]
for name in names:
    s3.put_object(Bucket=bucket, Key=name, Body=name.encode(), Metadata={"name": "x"})
listed = [row["Key"] for row in s3.list_objects_v2(Bucket=bucket)["Contents"]]
expect("names", listed, sorted(names, key=lambda name: name.encode()))
for name in names:
    got = s3.get_object(Bucket=bucket, Key=name)
    expect("read", (got["Body"].read(), got["Metadata"]), (name.encode(), {"name": "x"}))
rolled = s3.list_objects(Bucket=bucket, Delimiter="/")
expect("folders", [p["Prefix"] for p in rolled["CommonPrefixes"]], ["dir/"])
pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 2})
expect("pages", [row["Key"] for page in pages for row in page["Contents"]], listed)
expect("missing", code_of(s3.get_object, Bucket=bucket, Key="none"), "NoSuchKey")
link = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "dir/c d+e"})
expect("link", urllib.request.urlopen(link).read(), b"dir/c d+e")
s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "dir/\u00fc\u4e2d"})
expect("copy", s3.get_object(Bucket=bucket, Key="copy")["Body"].read(), "dir/\u00fc\u4e2d".encode())
data = os.urandom(13 << 20)
s3.upload_fileobj(io.BytesIO(data), bucket, "big", Config=TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20))
back = io.BytesIO()
s3.download_fileobj(bucket, "big", back)
expect("parts", hashlib.md5(back.getvalue()).hexdigest(), hashlib.md5(data).hexdigest())
expect("not empty", code_of(s3.delete_bucket, Bucket=bucket), "BucketNotEmpty")
keys = [{"Key": row["Key"]} for row in s3.list_objects_v2(Bucket=bucket)["Contents"]]
expect("removed", len(s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})["Deleted"]), len(keys))
s3.delete_bucket(Bucket=bucket)

# This version of boto3 signs some queries of version 2 twice, for every store: what it signs right is asked.
old = client("s3")
old.create_bucket(Bucket="boto-v2")
for name in names:
    old.put_object(Bucket="boto-v2", Key=name, Body=name.encode(), ACL="private")
    expect("version 2 read", old.get_object(Bucket="boto-v2", Key=name)["Body"].read(), name.encode())
    link = old.generate_presigned_url("get_object", Params={"Bucket": "boto-v2", "Key": name})
    expect("version 2 link", urllib.request.urlopen(link).read(), name.encode())
    old.delete_object(Bucket="boto-v2", Key=name)
old.delete_bucket(Bucket="boto-v2")

s3 = client("s3v4")
s3.create_bucket(Bucket="settings")
s3.put_bucket_versioning(Bucket="settings", VersioningConfiguration={"Status": "Enabled"})
expect("versioning", s3.get_bucket_versioning(Bucket="settings")["Status"], "Enabled")
first = s3.put_object(Bucket="settings", Key="k", Body=b"1")["VersionId"]
s3.put_object(Bucket="settings", Key="k", Body=b"2")
s3.delete_object(Bucket="settings", Key="k")
expect("old version", s3.get_object(Bucket="settings", Key="k", VersionId=first)["Body"].read(), b"1")
versions = s3.list_object_versions(Bucket="settings")
expect("versions", (len(versions["Versions"]), len(versions["DeleteMarkers"])), (2, 1))
s3.put_object(Bucket="settings", Key="t", Body=b"1", Tagging="a=b", ChecksumAlgorithm="SHA256")
expect("tags", s3.get_object_tagging(Bucket="settings", Key="t")["TagSet"], [{"Key": "a", "Value": "b"}])
s3.put_bucket_tagging(Bucket="settings", Tagging={"TagSet": [{"Key": "x", "Value": "y"}]})
expect("bucket tags", s3.get_bucket_tagging(Bucket="settings")["TagSet"], [{"Key": "x", "Value": "y"}])
rule = {"ID": "r", "Filter": {"Prefix": "tmp/"}, "Status": "Enabled", "Expiration": {"Days": 1}}
s3.put_bucket_lifecycle_configuration(Bucket="settings", LifecycleConfiguration={"Rules": [rule]})
expect("lifecycle", s3.get_bucket_lifecycle_configuration(Bucket="settings")["Rules"], [rule])
cors = [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAgeSeconds": 5}]
s3.put_bucket_cors(Bucket="settings", CORSConfiguration={"CORSRules": cors})
expect("cors", s3.get_bucket_cors(Bucket="settings")["CORSRules"], cors)
site = {"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "e.html"}}
s3.put_bucket_website(Bucket="settings", WebsiteConfiguration=site)
expect("website", {k: v for k, v in s3.get_bucket_website(Bucket="settings").items() if k in site}, site)
block = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}
s3.put_public_access_block(Bucket="settings", PublicAccessBlockConfiguration=block)
expect("access block", s3.get_public_access_block(Bucket="settings")["PublicAccessBlockConfiguration"], block)
expect("public acl", code_of(s3.put_object_acl, Bucket="settings", Key="t", ACL="public-read"), "AccessDenied")
s3.delete_public_access_block(Bucket="settings")
s3.put_object_acl(Bucket="settings", Key="t", ACL="public-read")
expect("anonymous", urllib.request.urlopen(url + "/settings/t").read(), b"1")
expect("acl", len(s3.get_object_acl(Bucket="settings", Key="t")["Grants"]), 2)
s3.put_bucket_encryption(Bucket="settings", ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]})
s3.put_object(Bucket="settings", Key="secret", Body=b"s" * 1000)
head = s3.head_object(Bucket="settings", Key="secret")
expect("encryption", (head["ServerSideEncryption"], head["ContentLength"]), ("AES256", 1000))
key = os.urandom(32)
s3.put_object(Bucket="settings", Key="mine", Body=b"m", SSECustomerKey=key, SSECustomerAlgorithm="AES256")
expect("own key", s3.get_object(Bucket="settings", Key="mine", SSECustomerKey=key, SSECustomerAlgorithm="AES256")["Body"].read(), b"m")
expect("without key", code_of(s3.get_object, Bucket="settings", Key="mine"), "InvalidRequest")
form = s3.generate_presigned_post("settings", "posted", Conditions=[["content-length-range", 1, 10]])
expect("form", sorted(form["fields"])[0], "key")
s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
expect("lock", s3.get_object_lock_configuration(Bucket="locked")["ObjectLockConfiguration"], {"ObjectLockEnabled": "Enabled"})
attributes = s3.get_object_attributes(Bucket="settings", Key="t", ObjectAttributes=["ETag", "Checksum", "ObjectSize"])
expect("attributes", attributes["ObjectSize"], 1)
resolve = socket.getaddrinfo
# Names under localhost are this machine, whatever its resolver says.
socket.getaddrinfo = lambda host, *rest, **more: resolve("127.0.0.1" if str(host).endswith("localhost") else host, *rest, **more)
virtual = boto3.client("s3", endpoint_url=url.replace("127.0.0.1", "localhost"), aws_access_key_id=access, aws_secret_access_key=secret, region_name="us-east-1", config=Config(s3={"addressing_style": "virtual"}))
expect("virtual host", virtual.get_object(Bucket="settings", Key="t")["Body"].read(), b"1")
