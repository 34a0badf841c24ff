//! Whether the chain of certificates is trusted.

use std::net::SocketAddr;
use std::path::Path;

use lookalike::certificate::{Certificate, Wish};
use lookalike::iis::Iis;
use serde_json::Value;

use crate::ask::{HOST, SERVER, check, check_for};

fn serving(certificate: Certificate) -> Iis {
    Iis::listen(SocketAddr::from(([127, 0, 0, 1], 0)), SERVER, certificate).unwrap()
}

fn verdict_trusting(iis: &Iis, file: &Path) -> Value {
    let output = check(iis.address(), "--require-trust")
        .env("SSL_CERT_FILE", file)
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

#[test]
fn a_chain_to_an_authority_of_this_machine_is_healthy_and_any_other_is_not() {
    let of = |name| Wish {
        is_authority: true,
        ..Wish::of(name)
    };
    let (ours, other) = (of("Ours").issue().unwrap(), of("Other").issue().unwrap());
    let issued = Wish {
        issuer: Some(&ours),
        ..Wish::of(HOST)
    };
    let iis = serving(issued.issue().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("authority.pem");
    let trust = |authority: &Certificate| {
        std::fs::write(&file, authority.certificate.to_pem().unwrap()).unwrap();
        verdict_trusting(&iis, &file)
    };
    let trusted = trust(&ours);
    assert_eq!(trusted["condition"], "healthy", "{trusted}");
    let distrusted = trust(&other);
    assert_eq!(distrusted["condition"], "degraded", "{distrusted}");
    let summary = distrusted["summary"].as_str().unwrap();
    assert!(summary.contains("issued by Ours"), "{summary}");
    assert!(
        summary.contains("unable to get local issuer certificate"),
        "{summary}"
    );
}

#[test]
fn a_self_signed_certificate_is_told_and_changes_nothing_unless_trust_is_required() {
    let iis = serving(Wish::of(HOST).issue().unwrap());
    let code = |words: &str| {
        let output = check_for("keepalived", iis.address(), words).output();
        output.unwrap().status.code()
    };
    let verdict = crate::ask::verdict(iis.address(), "");
    crate::ask::assert_found(
        &verdict,
        "healthy ok",
        "(not trusted here: self-signed certificate)",
    );
    assert_eq!(
        verdict["facts"]["certificate_trust"],
        "self-signed certificate"
    );
    let verdict = crate::ask::verdict(iis.address(), "--require-trust");
    crate::ask::assert_found(&verdict, "degraded certificate", "issued by itself");
    assert_eq!(code("--require-trust"), Some(0));
    assert_eq!(code("--require-trust --enforce certificate"), Some(1));
}
