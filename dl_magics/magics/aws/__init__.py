"""The magics for instances and the AWS account."""

from __future__ import annotations

from dl_magics.magics.aws.account import AccountMagics
from dl_magics.magics.aws.export import ExportMagics
from dl_magics.magics.aws.guard import GuardMagics
from dl_magics.magics.aws.instances import InstanceMagics
from dl_magics.magics.aws.launch import LaunchMagics
from dl_magics.magics.aws.power import PowerMagics

ALL = (InstanceMagics, LaunchMagics, PowerMagics, GuardMagics, AccountMagics, ExportMagics)
