use std::io::{self, Write};

/// What a person at the terminal needs to know. It goes to standard output, to stay out of the log.
pub struct Banner<'a> {
    pub port: u16,
    pub admin_user: &'a str,
    /// A password that LabLink made. A password that somebody chose is not shown.
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
