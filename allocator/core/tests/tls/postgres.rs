//! A throw-away Postgres that listens on TCP, with TLS or without.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// The name in the server's certificate.
pub const HOST: &str = "db.lablink.test";
const PASSWORD: &str = "throw-away";

/// Two authorities, and a certificate for [`HOST`] from the first.
const CERTIFICATES: &str = r#"
set -eu
cd "$1"
printf '[req]\ndistinguished_name = dn\n[dn]\n' >openssl.cnf
new() { openssl req -config openssl.cnf -x509 -days 2 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "$@"; }
for ca in ca strange-ca; do
    new -keyout $ca.key -out $ca.pem -subj "/CN=$ca" -addext basicConstraints=critical,CA:TRUE
done
new -CA ca.pem -CAkey ca.key -keyout server.key -out server.pem -subj "/CN=$2" \
    -addext basicConstraints=CA:FALSE -addext "subjectAltName=DNS:$2"
chmod 0600 server.key
"#;

/// Ends with this value, and with the test if that is killed.
pub struct Postgres {
    dir: PathBuf,
    port: u16,
    options: Vec<String>,
    server: Option<Child>,
}

impl Postgres {
    /// Takes nobody without TLS.
    pub fn start_with_tls() -> Self {
        let mut postgres = Self::prepare("hostssl");
        let (dir, cd) = (postgres.dir.clone(), postgres.dir.to_str().unwrap());
        run(as_server("sh").args(["-c", CERTIFICATES, "sh", cd, HOST]));
        postgres.options = vec![
            "ssl=on".to_owned(),
            format!("ssl_cert_file={}", dir.join("server.pem").display()),
            format!("ssl_key_file={}", dir.join("server.key").display()),
        ];
        postgres.start_again();
        postgres
    }

    pub fn start_in_the_clear() -> Self {
        let mut postgres = Self::prepare("host");
        postgres.start_again();
        postgres
    }

    fn prepare(connections: &str) -> Self {
        let dir = run(as_server("mktemp").args(["-d", "-t", "lablink-tls-XXXXXX"]));
        let dir = PathBuf::from(dir.trim());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        fs::write(dir.join("password"), PASSWORD).unwrap();
        run(as_server(&binary("initdb"))
            .args(["--no-sync", "--auth=scram-sha-256", "--username=lablink", "--locale=C"])
            .arg("--encoding=UTF8")
            .arg(format!("--pwfile={}", dir.join("password").display()))
            .arg("-D")
            .arg(dir.join("data")));
        let hba = format!("{connections} all all 127.0.0.1/32 scram-sha-256\n");
        fs::write(dir.join("data/pg_hba.conf"), hba).unwrap();
        Self { dir, port, options: Vec::new(), server: None }
    }

    /// Starts the server as it was, and waits until it answers.
    pub fn start_again(&mut self) {
        let port = self.port.to_string();
        let log = fs::File::create(self.dir.join("log")).unwrap();
        let settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"];
        let child = as_server(&binary("postgres"))
            .arg("-D")
            .arg(self.dir.join("data"))
            .args(["-p", &port])
            .args(settings.iter().flat_map(|setting| ["-c", setting]))
            .args(self.options.iter().flat_map(|setting| ["-c", setting.as_str()]))
            .stderr(log)
            .stdout(Stdio::null())
            .spawn();
        self.server = Some(child.unwrap());
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut asking = Command::new(binary("pg_isready"));
        asking.args(["-q", "-h", "127.0.0.1", "-p", &port]);
        while !asking.status().unwrap().success() {
            let log = fs::read_to_string(self.dir.join("log")).unwrap();
            assert!(Instant::now() < deadline, "Postgres does not start: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops the server at once, as a crash would.
    pub fn stop(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        let pid = server.id().to_string();
        run(Command::new("kill").args(["-QUIT", &pid]));
        server.wait().unwrap();
    }

    /// The server's URL under the name `host`, whatever a resolver says of that.
    pub fn url(&self, host: &str, parameters: &str) -> String {
        let port = self.port;
        format!(
            "postgresql://lablink:{PASSWORD}@{host}:{port}/postgres?hostaddr=127.0.0.1&{parameters}"
        )
    }

    /// URL parameters of `mode` with the authority of the server's certificate.
    pub fn verify(&self, mode: &str) -> String {
        format!("sslmode={mode}&sslrootcert={}", self.file("ca.pem"))
    }

    pub fn file(&self, name: &str) -> String {
        self.dir.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
        fs::remove_dir_all(&self.dir).unwrap();
    }
}

/// A command that ends with this thread, as the user `postgres` if we are root: Postgres refuses
/// to run as root.
fn as_server(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "QUIT"]);
    if run(Command::new("id").arg("-u")).trim() == "0" {
        command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]);
    }
    command.arg("--").arg(program).current_dir("/").stdin(Stdio::null());
    command
}

/// What the command has said, which must succeed.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// The program of Debian's newest server, else the one in the PATH.
fn binary(name: &str) -> String {
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let major = |dir: &Path| dir.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let newest = installed.map(|entry| entry.path()).max_by_key(|dir| major(dir));
    let path = newest.map(|dir| dir.join("bin").join(name)).filter(|path| path.exists());
    path.map_or_else(|| name.to_owned(), |path| path.to_str().unwrap().to_owned())
}
