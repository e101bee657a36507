use std::{
    io::{self, IsTerminal, Read},
    net::IpAddr,
};

use anyhow::{Context, Result, bail};
use clap::Args;
use dialoguer::{Password, console::Term};
use reqwest::Url;
use serde_json::{Value, json};

use crate::{
    errors::{Refused, WrongCall},
    output::Output,
    server::{Connection, Credentials, Login as Stored, Server},
};

#[derive(Debug, Args)]
#[command(after_help = "\
The password is asked for, or read from standard input; never from the command line.

Example:
  lablink login https://lablink.example.org
  pass show lablink | lablink login https://lablink.example.org")]
pub struct Login {
    /// The allocator's address.
    url: String,
    #[arg(long, default_value = "admin")]
    user: String,
    /// Sends the password although the address is plain HTTP and not on this machine.
    #[arg(long)]
    plain_http: bool,
    /// Forgets the login for this address instead.
    #[arg(long)]
    forget: bool,
}

impl Login {
    pub async fn run(self, connection: &Connection, output: &Output) -> Result<()> {
        let file = connection.credentials_file()?;
        let mut credentials = Credentials::read(&file)?;
        let url = self.url.trim_end_matches('/').to_owned();
        if self.forget {
            credentials.remove(&url);
            credentials.write(&file)?;
            return output.answer(&json!({ "forgotten": url }), |_| format!("Forgotten: {url}."));
        }
        let login = Stored { user: self.user, password: String::new() };
        // Is it one at all?
        Server::new(&url, login.clone())?;
        if !self.plain_http && in_clear(&url) {
            let why = "over plain HTTP everybody on the way reads the password: use https://, or say \
                       --plain-http for a network that you trust";
            bail!(Refused(why.to_owned()));
        }
        let login = Stored { password: password(&url)?, ..login };
        let server = Server::new(&url, login.clone())?;
        // Wrong ones are not stored.
        let _good: Value = server.get("/api/operations").await?;
        credentials.put(&url, login);
        credentials.write(&file)?;
        let stored = json!({ "server": url, "credentials": file });
        output
            .answer(&stored, |_| format!("Logged in to {url}. The login is in {}.", file.display()))
    }
}

/// Whether others could read what is sent there.
fn in_clear(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return true };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_here =
        host.parse::<IpAddr>().map_or(host == "localhost", |address| address.is_loopback());
    url.scheme() == "http" && !is_here
}

fn password(url: &str) -> Result<String> {
    if io::stdin().is_terminal() {
        let asked = Password::new().with_prompt(format!("Password at {url}"));
        return Ok(asked.interact_on(&Term::stderr())?);
    }
    let mut typed = String::new();
    io::stdin().read_to_string(&mut typed).context("can't read the password")?;
    let password = typed.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        bail!(WrongCall("standard input holds no password.".to_owned()));
    }
    Ok(password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::in_clear;

    #[test]
    fn only_https_and_this_machine_are_private() {
        for private in
            ["https://x.org", "http://127.0.0.1:5000", "http://localhost", "http://[::1]"]
        {
            assert!(!in_clear(private), "{private}");
        }
        assert!(in_clear("http://lab.example.org"));
        assert!(in_clear("http://127.0.0.1.example.org"));
    }
}
