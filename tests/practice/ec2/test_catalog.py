from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from dl_magics.aws import instance_types
from dl_magics.practice.ec2 import catalog


def test_the_pricing_api_returns_the_price_of_a_type(renter):
    filters = [
        {"Type": "TERM_MATCH", "Field": field, "Value": value}
        for field, value in {"instanceType": "g4dn.xlarge", "regionCode": "us-west-2"}.items()
    ]

    listed = renter.client("pricing").get_products(ServiceCode="AmazonEC2", Filters=filters)

    (product,) = map(json.loads, listed["PriceList"])
    (term,) = product["terms"]["OnDemand"].values()
    (rate,) = term["priceDimensions"].values()
    assert product["product"]["attributes"]["instanceType"] == "g4dn.xlarge"
    assert float(rate["pricePerUnit"]["USD"]) == 0.526


def test_the_prices_are_not_read_from_the_table_of_the_product():
    charged = {name: catalog.on_demand_price(name, "us-east-1") for name in catalog.load_prices()}
    listed = {name: instance_types.listed_price(name, "us-east-1") for name in charged}

    assert charged["g4dn.xlarge"] == listed["g4dn.xlarge"]
    assert charged["g6.2xlarge"] != listed["g6.2xlarge"]


def test_every_region_of_an_account_has_prices():
    prices = {
        region: catalog.on_demand_price("g4dn.xlarge", region) for region in catalog.ENABLED_REGIONS
    }

    assert [region for region, price in prices.items() if not price] == []


def test_a_location_selects_the_region(renter):
    filters = [{"Type": "TERM_MATCH", "Field": "location", "Value": "EU (Ireland)"}]

    listed = renter.client("pricing").get_products(ServiceCode="AmazonEC2", Filters=filters)

    regions = {
        json.loads(one)["product"]["attributes"]["regionCode"] for one in listed["PriceList"]
    }
    assert regions == {"eu-west-1"}


def test_a_retired_type_has_no_price(renter):
    filters = [{"Type": "TERM_MATCH", "Field": "instanceType", "Value": "p2.xlarge"}]

    listed = renter.client("pricing").get_products(ServiceCode="AmazonEC2", Filters=filters)

    assert listed["PriceList"] == []


def test_a_quota_is_returned_and_an_unknown_code_is_an_error(renter):
    quotas = renter.client("service-quotas")

    found = quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-DB2E81BA")["Quota"]
    with pytest.raises(ClientError) as error:
        quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-00000000")

    assert (found["QuotaName"], found["Value"]) == ("Running On-Demand G and VT instances", 64.0)
    assert error.value.response["Error"]["Code"] == "NoSuchResourceException"
    assert found in quotas.list_service_quotas(ServiceCode="ec2")["Quotas"]


def test_a_launch_that_exceeds_the_quota_fails(renter):
    renter.launch("g4dn.8xlarge")
    renter.launch("g4dn.8xlarge")

    with pytest.raises(ClientError) as error:
        renter.run_instances("g4dn.xlarge")

    assert error.value.response["Error"]["Code"] == "VcpuLimitExceeded"
    assert "limit of 64" in str(error.value)


def test_spot_prices_are_below_the_on_demand_price_in_every_zone(renter):
    found = renter.ec2.describe_spot_price_history(
        InstanceTypes=["g4dn.xlarge"], ProductDescriptions=["Linux/UNIX"]
    )["SpotPriceHistory"]

    assert len({one["AvailabilityZone"] for one in found}) == 3
    assert all(0.1 < float(one["SpotPrice"]) < 0.526 for one in found)


def test_the_image_of_the_ssm_parameter_exists(renter):
    name = "Deep Learning OSS Nvidia Driver AMI GPU PyTorch 2.7 (Ubuntu 22.04) *"

    found = renter.ec2.describe_images(
        Owners=["amazon"], Filters=[{"Name": "name", "Values": [name]}]
    )["Images"]

    assert [image["ImageId"] for image in found] == [renter.image()]
    assert found[0]["RootDeviceName"] == "/dev/sda1"


def test_other_ssm_parameters_are_those_of_aws(renter):
    name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"

    found = renter.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]

    assert found.startswith("ami-")


def test_a_type_that_moto_lacks_is_described(renter):
    found = renter.ec2.describe_instance_types(InstanceTypes=["p3.2xlarge"])["InstanceTypes"][0]

    assert found["VCpuInfo"]["DefaultVCpus"] == 8
    assert found["GpuInfo"]["Gpus"][0]["Name"] == "V100"
    assert found["GpuInfo"]["TotalGpuMemoryInMiB"] == 16 * 1024


def test_a_retired_type_is_not_described(renter):
    with pytest.raises(ClientError) as error:
        renter.ec2.describe_instance_types(InstanceTypes=["p2.xlarge"])

    assert error.value.response["Error"]["Code"] == "InvalidInstanceType"


def test_alarms_roles_and_addresses_can_be_created(renter, account):
    renter.client("cloudwatch").put_metric_alarm(
        AlarmName="idle",
        MetricName="CPUUtilization",
        Namespace="AWS/EC2",
        Statistic="Average",
        Period=300,
        EvaluationPeriods=6,
        Threshold=2,
        ComparisonOperator="LessThanThreshold",
        AlarmActions=["arn:aws:automate:us-east-1:ec2:stop"],
    )
    renter.client("iam").create_role(RoleName="guard", AssumeRolePolicyDocument="{}")

    address = renter.ec2.allocate_address(Domain="vpc")["PublicIp"]

    assert address.startswith("203.0.113.")
    assert renter.client("sts").get_caller_identity()["Account"] == account.id
