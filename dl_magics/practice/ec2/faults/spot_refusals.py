"""Errors of AWS for spot instances that can be injected, as those beside them in `refusals`."""

from __future__ import annotations

from dl_magics.practice.ec2.faults.fault import Fault
from dl_magics.practice.ec2.faults.refusals import PAID_ACTIONS

SPOT = (
    Fault(
        "no-spot-capacity",
        "no spot capacity for the type, at a launch or a start",
        actions=PAID_ACTIONS,
        code="InsufficientInstanceCapacity",
        message="There is no Spot capacity available that matches your request.",
        status=500,
    ),
    Fault(
        "spot-price-too-low",
        "the spot price is higher than the --max-price of a launch",
        actions=PAID_ACTIONS,
        code="SpotMaxPriceTooLow",
        message="Your Spot request price of 0.02 is lower than the minimum required Spot request "
        "fulfillment price of 0.0375.",
    ),
    Fault(
        "no-spot-role",
        "the account has no role of AWS for spot instances, and the user may not create it",
        actions=("RunInstances",),
        code="AuthFailure.ServiceLinkedRoleCreationNotPermitted",
        message="The provided credentials do not have permission to create the service-linked role "
        "for EC2 Spot Instances.",
        status=403,
    ),
    Fault(
        "spot-limit",
        "the vCPU quota of spot instances is exceeded",
        actions=PAID_ACTIONS,
        code="MaxSpotInstanceCountExceeded",
        message="Max spot instance count exceeded",
    ),
    Fault(
        "one-time-spot",
        "a one-time spot instance cannot be stopped",
        actions=("StopInstances",),
        code="UnsupportedOperation",
        message="You can't stop the Spot Instance '{id}' because it is associated with a one-time "
        "Spot Instance request. You can only stop Spot Instances associated with persistent Spot "
        "Instance requests.",
    ),
)
