"""Make a slice by GENI's interfaces, and hold, make and end a sliver of it, with a certificate that openssl made.

Run beside a demo: ``python examples/geni_slice.py plfed-demo/facts.json``
"""

import json
import ssl
import subprocess
import sys
import tempfile
import xmlrpc.client

facts = json.load(open(sys.argv[1] if sys.argv[1:] else "plfed-demo/facts.json"))
plc = facts["authorities"]["plc"]
me = plc["identities"]["pi"]
context = ssl.create_default_context(cafile=plc["ca"])
with tempfile.NamedTemporaryFile() as certificate:  # signed by itself: the key is registered, and that is enough
    words = ("openssl", "req", "-x509", "-key", me["key"], "-days", "2", "-subj", "/CN=me", "-out", certificate.name)
    subprocess.run(words, check=True)
    context.load_cert_chain(certificate.name, me["key"])


def at(interface, path):
    """The interface at a path of one of the authority's ports."""
    return xmlrpc.client.ServerProxy(plc["sfa"][interface] + path, context=context)


def value(answer):
    """The value of an answer, or its error."""
    code = answer["code"]["geni_code"] if isinstance(answer["code"], dict) else answer["code"]
    if code:
        sys.exit(f"{answer['output']} ({code})")
    return answer["value"]


authority, am = at("registry", "SA"), at("aggregate", "am/3.0")
project = f"urn:publicid:IDN+plc+project+{me['hrn'].split('.')[1]}"
made = value(authority.create("SLICE", [], {"fields": {"SLICE_NAME": "geni-example", "SLICE_PROJECT_URN": project}}))
urn = made["SLICE_URN"]
print("made", urn, "until", made["SLICE_EXPIRATION"])
credentials = value(authority.get_credentials(urn, [], {}))
spelling = {"geni_rspec_version": {"type": "GENI", "version": "3"}}
print("offered:", len(value(am.ListResources(credentials, spelling))), "characters of advertisement")
request = '<rspec xmlns="http://www.geni.net/resources/rspec/3" type="request"><node client_id="any"/></rspec>'
for name, slivers in (
    ("held", value(am.Allocate(urn, credentials, request, {}))["geni_slivers"]),
    ("made", value(am.Provision([urn], credentials, spelling))["geni_slivers"]),
    ("seen", value(am.Status([urn], credentials, {}))["geni_slivers"]),
    ("ended", value(am.Delete([urn], credentials, {}))),
):
    for one in slivers:
        print(f"{name:>5}", one["geni_sliver_urn"], one["geni_allocation_status"])
print("deleted:", at("registry", "CH").DeleteSlice(urn))
