"""The login user of an image, by names as AWS lists them."""

from __future__ import annotations

import pytest

from dl_magics.aws.types import login_users


@pytest.mark.parametrize(
    ("texts", "user"),
    [
        (["ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20260101"], "ubuntu"),
        (["Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu 22.04) 20260101"], "ubuntu"),
        (["Deep Learning Base AMI (Amazon Linux 2) Version 71.6"], "ec2-user"),
        (["al2023-ami-2023.6.20260101.0-kernel-6.1-x86_64"], "ec2-user"),
        (["amzn2-ami-kernel-5.10-hvm-2.0.20260101.0-x86_64-gp2"], "ec2-user"),
        (["RHEL-9.6.0_HVM-20260101-x86_64-0-Hourly2-GP3"], "ec2-user"),
        (["debian-12-amd64-20260101-1980"], "admin"),
        (["Rocky-9-EC2-Base-9.6-20260101.0.x86_64"], "rocky"),
        (["AlmaLinux OS 9.6.20260101 x86_64"], "ec2-user"),
        (["CentOS Stream 9 x86_64 20260101"], "ec2-user"),
        (["CentOS Linux 7 x86_64 HVM EBS 2211"], "centos"),
        (["Fedora-Cloud-Base-AmazonEC2.x86_64-42"], "fedora"),
        (["suse-sles-15-sp7-v20260101-hvm-ssd-x86_64"], "ec2-user"),
        (["bitnami-jupyter-4.0-debian-12-x86_64"], "bitnami"),
        (["our-course", "made from Ubuntu 24.04", "Linux/UNIX"], "ubuntu"),
        (["our-course", "", "Red Hat Enterprise Linux"], "ec2-user"),
        (["our-course", "", "Linux/UNIX"], ""),
    ],
)
def test_the_login_user_is_that_of_the_distribution(texts, user):
    assert login_users.find_user(*texts) == user
