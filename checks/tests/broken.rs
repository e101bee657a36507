//! Broken ways to an allocator, each made of real parts, and the layer that is named for it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

use std::{net::SocketAddr, sync::Arc};

use lablink_checks::{Checkup, Code, Report, Roots, Way};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// A status and a body.
type Answer = (&'static str, &'static str);

const READY: Answer = ("200 OK", r#"{"status":"ready"}"#);
const NOT_READY: Answer = (
    "503 Service Unavailable",
    r#"{"error":"The database is away.","code":"away","request_id":"1"}"#,
);
const NO_ALLOCATOR: Answer = ("502 Bad Gateway", "");
const ANOTHER: Answer = ("200 OK", "hello");

async fn report(url: String, roots: Roots) -> Report {
    let mut checkup = Checkup::default();
    Way { url: url.parse().unwrap(), roots }.add_to(&mut checkup);
    checkup.run().await
}

fn named(report: &Report) -> (Code, String) {
    let first = report.first_broken().unwrap_or_else(|| panic!("{report}"));
    (first.code, first.finding.seen().to_owned())
}

/// Answers each request so, over TLS where it has a configuration.
async fn server(answer: Answer, tls: Option<ServerConfig>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                match acceptor {
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            say(stream, answer).await;
                        }
                    }
                    None => say(stream, answer).await,
                }
            });
        }
    });
    address
}

async fn say(mut stream: impl AsyncRead + AsyncWrite + Unpin, (status, body): Answer) {
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    let mut asked = [0; 4096];
    if stream.read(&mut asked).await.is_ok_and(|read| read > 0) {
        let _sent = stream.write_all(answer.as_bytes()).await;
        let _shut = stream.shutdown().await;
    }
}

/// A certificate for `name` from an authority, and that authority.
fn certificate(name: &str, change: impl FnOnce(&mut CertificateParams)) -> (ServerConfig, Roots) {
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let mut leaf = CertificateParams::new([name.to_owned()]).unwrap();
    change(&mut leaf);
    let key = KeyPair::generate().unwrap();
    let leaf = leaf.signed_by(&key, &authority).unwrap();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], private)
        .unwrap();
    let mut store = RootCertStore::empty();
    store.add(CertificateDer::from(authority.der().to_vec())).unwrap();
    (config, Roots::Given(Arc::new(store)))
}

async fn over_tls(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Report {
    let (config, roots) = certificate(name, change);
    let address = server(READY, Some(config)).await;
    report(format!("https://localhost:{}", address.port()), roots).await
}

#[tokio::test]
async fn a_whole_way_is_well() {
    let whole =
        over_tls("localhost", |leaf| leaf.not_after = rcgen::date_time_ymd(2999, 1, 1)).await;
    assert!(whole.first_broken().is_none() && whole.to_string().contains("until 2999"), "{whole}");
    assert!(whole.checks.iter().all(|it| it.finding.word() == "well"), "{whole}");
}

#[tokio::test]
async fn a_name_without_an_address() {
    let found = report("https://lablink.invalid".into(), Roots::System).await;
    assert_eq!(named(&found).0, Code::Name);
}

#[tokio::test]
async fn a_closed_port() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let found = report(format!("http://127.0.0.1:{}", free.port()), Roots::System).await;
    assert_eq!(named(&found).0, Code::Port);
}

#[tokio::test]
async fn a_certificate_of_another_name() {
    let (code, seen) = named(&over_tls("lab.example.org", |_| ()).await);
    assert_eq!(code, Code::Tls);
    assert!(seen.contains("another name than localhost"), "{seen}");
}

#[tokio::test]
async fn an_ended_certificate() {
    let ended = |leaf: &mut CertificateParams| leaf.not_after = rcgen::date_time_ymd(2020, 1, 31);
    let (code, seen) = named(&over_tls("localhost", ended).await);
    assert_eq!((code, seen.as_str()), (Code::Tls, "The certificate has ended on 2020-01-31."));
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority() {
    let (config, _roots) = certificate("localhost", |_| ());
    let (_config, others) = certificate("localhost", |_| ());
    let address = server(READY, Some(config)).await;
    let found = report(format!("https://localhost:{}", address.port()), others).await;
    let (code, seen) = named(&found);
    assert_eq!(code, Code::Tls);
    assert!(seen.contains("authority"), "{seen}");
}

#[tokio::test]
async fn a_port_that_speaks_no_tls() {
    let address = server(READY, None).await;
    let (code, seen) = named(&report(format!("https://{address}"), Roots::System).await);
    assert_eq!(code, Code::Tls);
    assert!(seen.contains("no TLS"), "{seen}");
}

#[tokio::test]
async fn a_certificate_that_ends_soon_is_told_and_breaks_nothing() {
    let soon = std::time::SystemTime::now() + std::time::Duration::from_hours(24);
    let found = over_tls("localhost", |leaf| leaf.not_after = soon.into()).await;
    assert!(found.first_broken().is_none() && found.to_string().contains("ends on"), "{found}");
}

#[tokio::test]
async fn an_allocator_that_is_not_ready() {
    let address = server(NOT_READY, None).await;
    let (code, seen) = named(&report(format!("http://{address}"), Roots::System).await);
    assert_eq!(code, Code::Ready);
    assert!(seen.contains("The database is away."), "{seen}");
}

#[tokio::test]
async fn a_proxy_without_an_allocator_behind_it() {
    let address = server(NO_ALLOCATOR, None).await;
    let (code, seen) = named(&report(format!("http://{address}"), Roots::System).await);
    assert!(code == Code::Ready && seen.contains("behind it is no allocator"), "{seen}");
}

#[tokio::test]
async fn another_program_at_the_address() {
    let address = server(ANOTHER, None).await;
    let (code, seen) = named(&report(format!("http://{address}"), Roots::System).await);
    assert!(code == Code::Ready && seen.contains("no LabLink"), "{seen}");
}
