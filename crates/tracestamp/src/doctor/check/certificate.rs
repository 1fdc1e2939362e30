//! The certificate, and whether the API server will believe it.

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::Pem;

use super::registration::webhooks;
use super::{Finding, known};
use crate::doctor::Facts;

const TOPIC: &str = "certificate";
const ISSUE: &str = "is cert-manager there, and its Certificate ready (kubectl get certificate -n tracestamp)? Without it: certs/self-managed/issue";
const INJECT: &str = "cert-manager's cainjector writes it where the annotation cert-manager.io/inject-ca-from is; without cert-manager the component self-managed does";
/// A certificate that is renewed in time never comes so close to its end.
const SOON: i64 = 7 * 86_400;

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let now = facts.now.as_second();
    let mut findings = Vec::new();
    let leaf = match known(TOPIC, &facts.certificate) {
        Err(unknown) => {
            findings.push(unknown);
            None
        }
        Ok(None) => {
            findings.push(Finding::fail(TOPIC, "the Secret tracestamp-webhook-tls is not there or empty", ISSUE));
            None
        }
        Ok(Some(pem)) => first(pem),
    };
    let leaf = leaf.as_ref().and_then(|pem| pem.parse_x509().ok());
    if let Some(leaf) = &leaf {
        findings.push(of_leaf(leaf, &format!("tracestamp-webhook.{}.svc", facts.namespace), now));
    } else if matches!(facts.certificate, Ok(Some(_))) {
        findings.push(Finding::fail(TOPIC, "the Secret tracestamp-webhook-tls holds no certificate", ISSUE));
    }
    let mut bundles = 0;
    for webhook in webhooks(facts) {
        let bundle = webhook.client.ca_bundle.as_ref().map(|bundle| bundle.0.as_slice()).unwrap_or_default();
        if bundle.is_empty() {
            findings.push(Finding::fail("caBundle", format!("{} has none", webhook.name), INJECT));
            continue;
        }
        match &leaf {
            Some(leaf) if !signed_by(leaf, bundle) => findings.push(Finding::fail(
                "caBundle",
                format!("that of {} did not sign the certificate: the API server's calls fail", webhook.name),
                INJECT,
            )),
            _ => bundles += 1,
        }
    }
    if bundles > 0 && leaf.is_some() {
        findings.push(Finding::ok("caBundle", format!("signed the certificate, in {bundles} webhooks")));
    }
    findings
}

fn first(pem: &[u8]) -> Option<Pem> {
    Pem::iter_from_buffer(pem).next()?.ok()
}

fn of_leaf(leaf: &X509Certificate<'_>, host: &str, now: i64) -> Finding {
    let named = |name: &GeneralName<'_>| matches!(name, GeneralName::DNSName(name) if *name == host);
    let names = leaf.subject_alternative_name().ok().flatten();
    if !names.is_some_and(|names| names.value.general_names.iter().any(named)) {
        return Finding::fail(TOPIC, format!("it is not for {host}"), ISSUE);
    }
    let left = leaf.validity().not_after.timestamp().saturating_sub(now);
    let days = left.div_euclid(86_400);
    if left <= 0 {
        Finding::fail(TOPIC, format!("it expired {} days ago", days.saturating_neg()), ISSUE)
    } else if left < SOON {
        Finding::warn(TOPIC, format!("it expires in {days} days and was not renewed"), ISSUE)
    } else {
        Finding::ok(TOPIC, format!("for {host}, good for {days} days"))
    }
}

/// By any certificate of the bundle.
fn signed_by(leaf: &X509Certificate<'_>, bundle: &[u8]) -> bool {
    Pem::iter_from_buffer(bundle).flatten().any(|pem| {
        pem.parse_x509().is_ok_and(|authority| {
            leaf.issuer() == authority.subject() && leaf.verify_signature(Some(authority.public_key())).is_ok()
        })
    })
}
