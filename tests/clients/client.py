"""A partner's system in Python, with stubs generated from the contract: what another language sees of Vouch."""

import json
import sys
from pathlib import Path

import grpc
import portal
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from joserfc import jws
from joserfc.jwk import KeySet
from vouch.common.v1 import finding_pb2, support_pb2
from vouch.license.v1 import directory_service_pb2, directory_service_pb2_grpc
from vouch.license.v1 import entitlement_pb2, entitlement_service_pb2, entitlement_service_pb2_grpc

ESCALATION = "esc_01jz0000000000000000000000"


def details(error, kind):
    """The details of one kind that a refusal carries."""
    status = rpc_status.from_call(error)
    for detail in status.details:
        if detail.Is(kind.DESCRIPTOR):
            message = kind()
            detail.Unpack(message)
            return message
    raise AssertionError(f"no {kind.DESCRIPTOR.full_name} in {status}")


def refused(call):
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("this should have been refused")


def main(folder, addresses, license_key):
    read = lambda name: (Path(folder) / name).read_bytes()
    place = addresses["license"].removeprefix("https://")
    authority = read("authority/vendor.pem")
    partner_tls = grpc.ssl_channel_credentials(
        authority, read("identities/partner-key.pem"), read("identities/partner.pem"))
    partner = entitlement_service_pb2_grpc.EntitlementServiceStub(grpc.secure_channel(place, partner_tls))
    anybody = grpc.secure_channel(place, grpc.ssl_channel_credentials(authority))

    question = entitlement_pb2.EntitlementQuestion(
        license=entitlement_pb2.LicenseRef(license_key=license_key),
        product_id="atlas-server", version="7.2.1", severity=support_pb2.SEVERITY_TWO,
        channel=support_pb2.CHANNEL_PORTAL, contact_email="ada@contoso.example")
    answer = partner.CheckEntitlement(entitlement_service_pb2.CheckEntitlementRequest(question=question)).answer
    assert answer.verdict == entitlement_pb2.VERDICT_ENTITLED, answer
    print("checked: entitled, tier", answer.cover.tier_id)

    request = entitlement_service_pb2.IssueEntitlementProofRequest(
        question=question, escalation_id=ESCALATION, bundle_root=bytes(32), audience="vendor.vouch")
    bad = entitlement_service_pb2.IssueEntitlementProofRequest()
    fields = details(refused(lambda: partner.IssueEntitlementProof(bad)), error_details_pb2.BadRequest)
    print("refused with every field:", ", ".join(v.field for v in fields.field_violations))
    assert len(fields.field_violations) >= 4

    stranger = entitlement_service_pb2.IssueEntitlementProofRequest()
    stranger.CopyFrom(request)
    stranger.question.contact_email = "eve@contoso.example"
    stranger.question.version = "9.9"
    findings = details(refused(lambda: partner.IssueEntitlementProof(stranger)), finding_pb2.Findings)
    print("refused with every finding:", len(findings.findings))
    assert len(findings.findings) == 2 and all(f.remedy for f in findings.findings)

    proof = partner.IssueEntitlementProof(request).proof
    anyone = entitlement_service_pb2_grpc.EntitlementServiceStub(anybody)
    jwks = json.loads(anyone.GetKeySet(entitlement_service_pb2.GetKeySetRequest()).key_set.jwks)
    verified = jws.deserialize_compact(proof, KeySet.import_key_set(jwks), algorithms=["EdDSA", "Ed25519"])
    claims = json.loads(verified.payload)
    assert verified.headers()["typ"] == "vouch-entitlement+jwt"
    assert (claims["esc"], claims["sub"], claims["exp"] - claims["iat"]) == (ESCALATION, "contoso", 900), claims
    print("proof verified by joserfc, for", claims["sub"])

    error = refused(lambda: anyone.CheckEntitlement(entitlement_service_pb2.CheckEntitlementRequest(question=question)))
    assert error.code() == grpc.StatusCode.UNAUTHENTICATED, error
    directory = directory_service_pb2_grpc.DirectoryServiceStub(anybody)
    found = directory.FindSupportContact(directory_service_pb2.FindSupportContactRequest(license_key=license_key))
    print("anybody with the key is told to turn to", found.partner_name)


if __name__ == "__main__":
    data, told, token = sys.argv[1:]
    told = json.loads(told)
    main(data, told["addresses"], told["license_key"])
    portal.main(data, told["addresses"], token)
