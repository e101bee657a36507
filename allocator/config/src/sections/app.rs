use lablink_core::{AccessCode, EmailDomain, pools::Reclaim};

use crate::{
    AdminCredential, AdminPassword, PasswordHash,
    section::Section,
    syntax::{Parsed, access_code, basic_auth_user, domains, one_of, region},
};

/// `app`: the admin's login, the region, and how participants get back in.
#[derive(Clone, Debug)]
pub struct App {
    /// Name for HTTP Basic; default `admin`. `ADMIN_USER` overrides it.
    pub admin_user: String,
    /// From `admin_password` or `admin_password_hash` (bcrypt), never both; default
    /// [`AdminPassword::DEFAULT`], which is refused outside `dev`. `ADMIN_PASSWORD` overrides it.
    pub admin: AdminCredential,
    /// AWS region of the VMs and of the state bucket; default `us-west-2`.
    pub region: String,
    /// `link` or `email`; default `link`.
    pub reclaim: Reclaim,
    /// Domains whose e-mail addresses may claim; none: every address may.
    pub email_domains: Vec<EmailDomain>,
    /// What the organiser tells the class, asked for on the form; none: not asked for.
    pub access_code: Option<AccessCode>,
}

fn reclaim(text: &str) -> Parsed<Reclaim> {
    one_of(&[("link", Reclaim::Link), ("email", Reclaim::Email)], text)
}

impl App {
    pub(crate) fn read(app: &mut Section<'_>) -> Self {
        Self {
            admin_user: app.value("admin_user", basic_auth_user).unwrap_or_else(|| "admin".into()),
            admin: read_credential(app),
            region: app.value("region", region).unwrap_or_else(|| "us-west-2".into()),
            reclaim: app.value("reclaim", reclaim).unwrap_or(Reclaim::Link),
            email_domains: app.value("email_domains", domains).unwrap_or_default(),
            access_code: app.value("access_code", access_code),
        }
    }
}

fn read_credential(app: &mut Section<'_>) -> AdminCredential {
    if app.has("admin_password") && app.has("admin_password_hash") {
        app.report(
            "admin_password",
            "is given beside app.admin_password_hash: keep one of the two",
        );
    }
    let password = app.value("admin_password", AdminPassword::parse);
    match app.value("admin_password_hash", PasswordHash::parse) {
        Some(hash) => AdminCredential::Hash(hash),
        None => AdminCredential::Password(password.unwrap_or_default()),
    }
}
