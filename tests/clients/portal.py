"""A partner's portal in Python: it opens a ticket, escalates it, reads the case, and checks the joint history by itself."""

import hashlib
import json
import struct
import time
import uuid
from datetime import datetime, timezone
from pathlib import Path

import grpc
from joserfc import jws
from joserfc.jwk import KeySet
from vouch.common.v1 import support_pb2
from vouch.partner.v1 import diagnostics_service_pb2 as diagnostics_pb2
from vouch.partner.v1 import diagnostics_service_pb2_grpc as diagnostics_grpc
from vouch.partner.v1 import end_user_service_pb2 as end_users_pb2
from vouch.partner.v1 import end_user_service_pb2_grpc as end_users_grpc
from vouch.partner.v1 import ticket_pb2
from vouch.partner.v1 import ticket_service_pb2 as tickets_pb2
from vouch.partner.v1 import ticket_service_pb2_grpc as tickets_grpc
from vouch.vendor.v1 import bundle_pb2, escalation_pb2, key_set_service_pb2, key_set_service_pb2_grpc
from vouch.vendor.v1 import escalation_service_pb2 as gate_pb2
from vouch.vendor.v1 import escalation_service_pb2_grpc as gate_grpc

ARTEFACTS = ["os", "hardware", "disks", "processes"]


def fresh():
    return str(uuid.uuid4())


def channel(address, credentials, token=None):
    if token:
        credentials = grpc.composite_channel_credentials(credentials, grpc.access_token_call_credentials(token))
    return grpc.secure_channel(address.removeprefix("https://"), credentials)


def open_ticket(tickets, customer_id):
    times = escalation_pb2.ContactTimes(
        zone="Europe/Berlin", ranges=[escalation_pb2.ContactRange(**{"from": "09:00", "until": "17:00"})])
    problem = ticket_pb2.Problem(
        product_id="atlas-server", version="7.2.1", category="printing", severity=support_pb2.SEVERITY_TWO,
        impact="nobody prints", subject="No jobs", description="Nothing is printed.", language="en",
        environment=escalation_pb2.OperatingEnvironment(kind="production"),
        origin=escalation_pb2.PROBLEM_ORIGIN_PRODUCT, contact_times=times)
    request = tickets_pb2.OpenTicketRequest(
        request_id=fresh(), customer_id=customer_id, contact_email="ada@contoso.example", vendor_id="acme",
        problem=problem, channel=support_pb2.CHANNEL_PORTAL)
    opened = tickets.OpenTicket(request).ticket
    assert tickets.OpenTicket(request).ticket.ticket_id == opened.ticket_id, "repeated, it is the same ticket"
    return opened


def work(tickets, ticket_id):
    """What the vendor requires before it takes a case."""
    ticket = tickets.VerifyEntitlement(tickets_pb2.VerifyEntitlementRequest(request_id=fresh(), ticket_id=ticket_id)).ticket
    assert ticket.entitlement.entitled, ticket
    tickets.SearchKnowledge(tickets_pb2.SearchKnowledgeRequest(request_id=fresh(), ticket_id=ticket_id, query="spool"))
    step = escalation_pb2.TroubleshootingStep(action="restarted", finding="no change")
    step.done_at.GetCurrentTime()
    replication = escalation_pb2.Replication(reproduced=True, unmodified=True, notes="shows")
    for record in ({"step": step}, {"replication": replication}):
        request = tickets_pb2.RecordTroubleshootingRequest(request_id=fresh(), ticket_id=ticket_id, **record)
        ticket = tickets.RecordTroubleshooting(request).ticket
    request = tickets_pb2.ConfirmStatementRequest(request_id=fresh(), ticket_id=ticket_id, etag=ticket.etag)
    tickets.ConfirmStatement(request)


def blob(content):
    return bundle_pb2.BlobRef(sha256=hashlib.sha256(content).digest(), size_bytes=len(content))


def attach(diagnostics, ticket_id):
    """A bundle of diagnostics, written by hand from the format's description."""
    content = b"collected by a Python program\n"
    entry = {"media_type": "text/plain", "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    manifest = {
        "format": 1, "profile": "python/1", "collected_at": datetime.now(timezone.utc).isoformat().replace("+00:00", "Z"),
        "redaction": {"policy": "standard/1", "policy_sha256": hashlib.sha256(b"policy").hexdigest()},
        "entries": sorted(({"path": f"{name}.txt", "collector": name, **entry} for name in ARTEFACTS), key=lambda e: e["path"]),
    }
    manifest = json.dumps(manifest).encode()
    for part in (content, manifest):
        request = diagnostics_pb2.WriteBlobRequest(ticket_id=ticket_id, blob=blob(part), part=part)
        assert diagnostics.WriteBlob(iter([request])).complete
    request = diagnostics_pb2.CommitBundleRequest(ticket_id=ticket_id, manifest=blob(manifest))
    return diagnostics.CommitBundle(request).bundle.bundle_id


def chained(event, previous):
    """The hash of an event, computed from the words of the contract."""
    text = lambda value: struct.pack(">I", len(value.encode())) + value.encode()
    micros = event.committed_at.seconds * 1_000_000 + event.committed_at.nanos // 1000
    return hashlib.sha256(
        previous + struct.pack(">qq", event.sequence, micros)
        + text(event.case_id) + text(event.type_name) + text(event.actor) + text(event.origin)
        + hashlib.sha256(event.salt + event.payload).digest()).digest()


def main(folder, addresses, token):
    read = lambda name: (Path(folder) / name).read_bytes()
    authority = read("authority/vendor.pem")
    anybody = grpc.ssl_channel_credentials(authority)
    portal = channel(addresses["partner"], anybody, token)
    tickets = tickets_grpc.TicketServiceStub(portal)
    customers = end_users_grpc.EndUserServiceStub(portal).ListCustomers(end_users_pb2.ListCustomersRequest()).customers
    ticket = open_ticket(tickets, customers[0].customer_id)
    print("opened ticket", ticket.number)
    work(tickets, ticket.ticket_id)
    bundle_id = attach(diagnostics_grpc.DiagnosticsServiceStub(portal), ticket.ticket_id)
    tickets.EscalateTicket(tickets_pb2.EscalateTicketRequest(
        request_id=fresh(), ticket_id=ticket.ticket_id, bundle_id=bundle_id))
    deadline = time.monotonic() + 20
    while True:
        ticket = tickets.GetTicket(tickets_pb2.GetTicketRequest(ticket_id=ticket.ticket_id)).ticket
        if ticket.state == ticket_pb2.TICKET_STATE_ESCALATED and ticket.escalation.last_sequence:
            break
        assert time.monotonic() < deadline and not ticket.escalation.decision.findings, ticket
        time.sleep(0.01)
    print("escalated: case", ticket.escalation.case_number)

    own = grpc.ssl_channel_credentials(
        authority, read("identities/partner-key.pem"), read("identities/partner.pem"))
    gate = gate_grpc.EscalationServiceStub(channel(addresses["vendor"], own))
    case = gate.GetCase(gate_pb2.GetCaseRequest(case_id=ticket.escalation.case_id)).case
    assert (case.ticket_number, case.number) == (ticket.number, ticket.escalation.case_number), case
    keys = key_set_service_pb2_grpc.KeySetServiceStub(channel(addresses["vendor"], anybody))
    jwks = json.loads(keys.GetKeySet(key_set_service_pb2.GetKeySetRequest()).key_set.jwks)
    receipt = jws.deserialize_compact(case.receipt, KeySet.import_key_set(jwks), algorithms=["EdDSA", "Ed25519"])
    assert receipt.headers()["typ"] == "vouch-receipt+jwt" and json.loads(receipt.payload)["case"] == case.case_id
    print("read the case; its receipt is verified by joserfc")

    feed = gate.WatchCases(gate_pb2.WatchCasesRequest())
    events = [event for event in next(feed).events if event.case_id == case.case_id]
    feed.cancel()
    previous = bytes(32)
    for event in events:
        assert event.previous_hash == previous and chained(event, previous) == event.hash, event
        previous = event.hash
    assert previous == ticket.escalation.last_hash
    print("the joint history holds:", len(events), "event, by the same hash on both sides")
