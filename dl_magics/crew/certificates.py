"""The TLS key material of one crew: it is made for a run, kept in memory, and never written."""

from __future__ import annotations

import datetime
from dataclasses import asdict, dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

# A run that takes longer is not joined by new workers; the connections that it has go on.
_VALID = datetime.timedelta(days=7)
# The clocks of hosts differ.
_EARLIER = datetime.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A certificate with its private key, and the authority that the other side must have, PEM."""

    authority: str
    certificate: str
    key: str

    def __repr__(self) -> str:
        return "Credentials(…)"

    def to_json(self) -> dict[str, str]:
        """Return the texts by name."""
        return asdict(self)


class Authority:
    """Signs the certificates of one crew; its own key stays in this object."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _make_name("dl_magics crew")
        self._certificate = self._sign(self._name, self._key.public_key(), is_authority=True)

    def issue(self, name: str) -> Credentials:
        """Return new credentials for one side of a connection."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(_make_name(name), key.public_key(), is_authority=False)
        return Credentials(
            self._certificate.public_bytes(serialization.Encoding.PEM).decode(),
            certificate.public_bytes(serialization.Encoding.PEM).decode(),
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ).decode(),
        )

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, is_authority: bool
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _EARLIER)
            .not_valid_after(now + _VALID)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )


def _make_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])
