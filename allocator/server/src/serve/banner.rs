use std::io::{self, Write};

/// What a person at the terminal needs to know. On standard output, so that it is no part of the
/// log.
pub struct Banner<'a> {
    pub port: u16,
    pub admin_user: &'a str,
    /// A password that we made; one that somebody chose is theirs to know.
    pub made_password: Option<&'a str>,
}

impl Banner<'_> {
    pub fn print(&self) -> io::Result<()> {
        let Self { port, admin_user, made_password } = self;
        let mut out = io::stdout().lock();
        writeln!(out, "\n  LabLink is running.\n")?;
        writeln!(out, "  Participants  http://localhost:{port}/")?;
        writeln!(out, "  Organisers    http://localhost:{port}/admin")?;
        writeln!(out, "  User          {admin_user}")?;
        if let Some(password) = made_password {
            writeln!(out, "  Password      {password}")?;
        }
        writeln!(out, "\n  Ctrl-C stops it.\n")?;
        out.flush()
    }
}
