from __future__ import annotations

METADATA = "$AWS_EC2_METADATA_SERVICE_ENDPOINT/latest"


def test_the_metadata_service_answers_on_the_host(instance):
    ask = f"curl -sf -H X-aws-ec2-metadata-token:$token {METADATA}"

    done = instance.run(
        f"token=$(curl -sf -X PUT -H X-aws-ec2-metadata-token-ttl-seconds:60 {METADATA}/api/token);"
        f"{ask}/user-data; echo; {ask}/meta-data/instance-id; echo; "
        f"{ask}/dynamic/instance-identity/document; "
        f"{ask}/meta-data/spot/instance-action || echo none",
    )

    user_data, own_id, rest = done.stdout.split("\n", 2)
    assert (user_data, own_id) == ("hello", instance.id)
    assert '"region": "us-east-1"' in rest
    assert rest.endswith("none\n")


def test_botocore_reads_the_metadata_of_the_instance(instance):
    code = "from botocore import session, utils; provider = utils.IMDSRegionProvider"
    command = f".venvs/keras/bin/python -c '{code}; print(provider(session.Session()).provide())'"

    done = instance.run(command)

    assert done.stdout == "us-east-1\n", done.stderr


def test_the_metadata_service_refuses_what_imdsv2_refuses(instance):
    ttl = "-H X-aws-ec2-metadata-token-ttl-seconds"
    refused = {
        "/user-data": 401,
        "/user-data -H X-aws-ec2-metadata-token:guessed": 401,
        "/user-data -X POST": 405,
        "/api/token -X PUT": 400,
        f"/api/token -X PUT {ttl}:0": 400,
        f"/api/token -X PUT {ttl}:21601": 400,
        f"/api/token {ttl}:60": 405,
        f"/api/token -X PUT {ttl}:60 -H X-Forwarded-For:192.0.2.1": 403,
        f"/api/token -X PUT {ttl}:60 -H Host:rebound.example": 403,
        f"/api/token -X PUT {ttl}:60 -H Origin:http://rebound.example": 403,
    }
    ask = "curl -s -o /dev/null -w '%{http_code}\n'"

    done = instance.run("; ".join(f"{ask} {METADATA}{each}" for each in refused))

    assert dict(zip(refused, map(int, done.stdout.split()), strict=True)) == refused
