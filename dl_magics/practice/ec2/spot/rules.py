"""What AWS refuses of a spot instance: at a launch, a start, a stop and a change of its type."""

from __future__ import annotations

from moto.ec2.models.instances import Instance

from dl_magics.practice.ec2.http import ApiCall, raise_api_error
from dl_magics.practice.ec2.spot import prices
from dl_magics.practice.ec2.spot.requests import (
    OPTIONS,
    SPOT_OPTIONS,
    STOPPED_BY_USER,
    SpotRequest,
    SpotRequests,
)
from dl_magics.practice.ec2.state import Ec2State

LOWEST_PRICE = 0.001


def is_spot_launch(call: ApiCall) -> bool:
    """Return whether a RunInstances asks for spot instances."""
    return call.parameters.get(f"{OPTIONS}MarketType") == "spot"


def check_options(call: ApiCall) -> None:
    """Raise ApiError for options that do not go together."""
    given = call.parameters
    kind = given.get(f"{SPOT_OPTIONS}SpotInstanceType", "one-time")
    behavior = given.get(f"{SPOT_OPTIONS}InstanceInterruptionBehavior", "terminate")
    if kind == "persistent" and behavior == "terminate":
        _refuse_combination(
            "The terminate InstanceInterruptionBehavior is not supported when requestType is set "
            "to persistent."
        )
    if kind == "one-time" and behavior != "terminate":
        _refuse_combination(
            f"The request with type 'one-time' is not supported when instanceInterruptionBehavior "
            f"is set to '{behavior}'."
        )
    if kind == "one-time" and f"{SPOT_OPTIONS}ValidUntil" in given:
        _refuse_combination(
            "The parameter validUntil cannot be specified when the SpotRequestType is set to "
            "'one-time'."
        )
    if (price := given.get(f"{SPOT_OPTIONS}MaxPrice")) is not None:
        _check_max_price(price)


def check_price(state: Ec2State, call: ApiCall, name: str, zone: str) -> None:
    """Raise ApiError if the spot price of a type is higher than the launch pays."""
    given = call.parameters.get(f"{SPOT_OPTIONS}MaxPrice")
    _check_affordable(state, float(given) if given else None, name, zone)


def check_start(state: Ec2State, requests: SpotRequests, instance: Instance) -> None:
    """Raise ApiError for a spot instance that only EC2 can start, or that is not settled yet."""
    request = requests.find_for(instance.id)
    if request is None:
        return
    if request.state != "disabled" or request.code != STOPPED_BY_USER:
        raise_api_error(
            "IncorrectSpotRequestState",
            f"You can't start the Spot Instance '{instance.id}' because the associated Spot "
            "Instance request is not in an appropriate state to support start.",
        )
    zone = str(instance.availability_zone)
    _check_affordable(state, request.max_price, instance.instance_type, zone)


def check_stop(requests: SpotRequests, instance: Instance) -> None:
    """Raise ApiError for a spot instance that can only be terminated."""
    request = requests.find_for(instance.id)
    start = f"You can't stop the Spot Instance '{instance.id}' because "
    if request is None or not request.persistent:
        raise_api_error(
            "UnsupportedOperation",
            f"{start}it is associated with a one-time Spot Instance request. You can only stop "
            "Spot Instances associated with persistent Spot Instance requests.",
        )
    if request.state == "cancelled":
        raise_api_error(
            "UnsupportedOperation",
            f"{start}the associated Spot Instance request has been cancelled.",
        )


def check_type_change(instance: Instance) -> None:
    """Raise ApiError: the type of a spot instance cannot be changed."""
    raise_api_error(
        "UnsupportedOperation",
        f"The attribute 'instanceType' of the Spot Instance '{instance.id}' cannot be modified.",
    )


def find_request(requests: SpotRequests, request_id: str) -> SpotRequest:
    """Return the request with this id, or raise ApiError."""
    if not request_id.startswith("sir-"):
        raise_api_error("InvalidSpotInstanceRequestID.Malformed", f'Invalid id: "{request_id}"')
    request = requests.find(request_id)
    if request is None:
        raise_api_error(
            "InvalidSpotInstanceRequestID.NotFound",
            f"The spot instance request ID '{request_id}' does not exist",
        )
    return request


def _check_max_price(price: str) -> None:
    try:
        dollars = float(price)
    except ValueError:
        raise_api_error("InvalidParameterValue", f"Invalid value '{price}' for MaxPrice.")
    if not dollars > LOWEST_PRICE:
        raise_api_error(
            "InvalidParameterValue",
            f"Invalid value '{price}' for MaxPrice. It must be greater than {LOWEST_PRICE}.",
        )


def _check_affordable(state: Ec2State, most: float | None, name: str, zone: str) -> None:
    now = prices.read_spot_price(state.extra, name, zone, zone[:-1])
    if most is not None and now is not None and now > most:
        raise_api_error(
            "SpotMaxPriceTooLow",
            f"Your Spot request price of {most:g} is lower than the minimum required Spot request "
            f"fulfillment price of {now:g}.",
        )


def _refuse_combination(message: str) -> None:
    raise_api_error("InvalidParameterCombination", message)
