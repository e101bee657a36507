//! A VM: a real SSH server with a home, a desktop in a container, and programs of its own.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// As the real one behaves for `ps -q` and `exec`: what it runs has only the container's
/// environment, and its standard input only with `-i`. The container's files lie in `container/`.
/// A file `hang` makes it hang.
const DOCKER: &str = r#"#!/usr/bin/env bash
vm=VM
echo "$*" >>"$vm/docker.log"
while [[ -e $vm/hang ]]; do sleep 0.05; done
case $1 in
    ps) [[ $2 == -q ]] && cat "$vm/containers"; exit ;;
    exec) shift ;;
    *) echo "docker: '$1' is not a docker command." >&2; exit 1 ;;
esac
input=/dev/null
while [[ $1 == -* ]]; do
    case $1 in
        -i) input=/dev/stdin; shift ;;
        -u) shift 2 ;;
        *) echo "unknown shorthand flag: $1" >&2; exit 125 ;;
    esac
done
grep -qx -- "$1" "$vm/containers" || { echo "Error: No such container: $1" >&2; exit 1; }
shift
exec env -i PATH="$PATH" "${@//\/home\/client/$vm/container/home/client}" <"$input"
"#;

/// `sudo` where the tests don't run as root.
const SUDO: &str = "#!/bin/sh\n[ \"$1\" = -n ] && shift\nexec \"$@\"\n";

pub struct Vm {
    pub root: PathBuf,
    pub port: u16,
    server: Child,
}

impl Vm {
    /// With a container, and an empty desktop in it.
    pub fn start(root: &Path, public_key: &str) -> Self {
        for folder in ["bin", "home", "container/home/client/Desktop"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::write(root.join("containers"), "0a1b2c3d4e5f\nfedcba987654\n").unwrap();
        fs::write(root.join("authorized_keys"), public_key).unwrap();
        let vm = root.display().to_string();
        program(&root.join("bin/docker"), &DOCKER.replace("=VM", &format!("='{vm}'")));
        program(&root.join("bin/sudo"), SUDO);
        keygen(&root.join("host_key"));
        let port = free_port();
        fs::write(root.join("sshd_config"), config(root, port)).unwrap();
        let server = serve(root, port);
        Self { root: root.to_owned(), port, server }
    }

    pub fn desktop(&self) -> PathBuf {
        self.root.join("container/home/client/Desktop")
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.desktop().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// No container runs; the results lie on the user's own desktop.
    pub fn without_container(&self) -> PathBuf {
        fs::write(self.root.join("containers"), "").unwrap();
        let desktop = self.root.join("home/Desktop");
        fs::create_dir_all(&desktop).unwrap();
        desktop
    }

    /// Puts a program of this name before the system's, on the VM.
    pub fn replace_program(&self, name: &str, text: &str) {
        program(&self.root.join("bin").join(name), text);
    }

    /// Makes it send nothing, once it has been asked to, until it is stopped.
    pub fn hang_while_sending(&self) {
        let vm = self.root.display();
        let text = format!(
            "#!/bin/sh\n>'{vm}/sending'\nwhile [ -e '{vm}/bin/tar' ]; do sleep 0.05; done\n"
        );
        self.replace_program("tar", &text);
    }

    /// Whether it has been asked to, since the last time.
    pub fn is_sending(&self) -> bool {
        fs::remove_file(self.root.join("sending")).is_ok()
    }

    /// Makes it send so many bytes, and then nothing until [`Vm::go_on`].
    pub fn stop_after(&self, bytes: usize) {
        let vm = self.root.display();
        fs::write(self.root.join("stop"), "").unwrap();
        let text = format!(
            "#!/usr/bin/env bash\n/bin/tar \"$@\" | {{ head -c {bytes}; \
             while [[ -e '{vm}/stop' && -e '{vm}/bin/tar' ]]; do sleep 0.05; done; cat; }}\n"
        );
        self.replace_program("tar", &text);
    }

    pub fn go_on(&self) {
        fs::remove_file(self.root.join("stop")).unwrap();
    }

    /// Another machine at the same address.
    pub fn reinstall(&mut self) {
        self.stop();
        fs::remove_file(self.root.join("host_key")).unwrap();
        keygen(&self.root.join("host_key"));
        self.server = serve(&self.root, self.port);
    }

    /// As a machine that is switched off.
    pub fn stop(&mut self) {
        let _gone = self.server.kill();
        self.server.wait().unwrap();
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        // Ends stand-ins that hang, too.
        for name in ["hang", "bin/tar"] {
            let _gone = fs::remove_file(self.root.join(name));
        }
        let _gone = self.server.kill();
        let _gone = self.server.wait();
    }
}

fn config(root: &Path, port: u16) -> String {
    let vm = root.display();
    format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {vm}/host_key\nPidFile none\n\
         AuthorizedKeysFile {vm}/authorized_keys\nStrictModes no\nUsePAM no\n\
         PasswordAuthentication no\nPermitRootLogin yes\nMaxStartups 100\nLogLevel ERROR\n\
         SetEnv HOME={vm}/home PATH={vm}/bin:/usr/bin:/bin\n"
    )
}

fn serve(root: &Path, port: u16) -> Child {
    if root.starts_with("/") && is_root() {
        // Where sshd drops its privileges; a service would have made it.
        fs::create_dir_all("/run/sshd").unwrap();
    }
    let server = Command::new("/usr/sbin/sshd")
        .args(["-D", "-e", "-f"])
        .arg(root.join("sshd_config"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(root.join("sshd.log")).unwrap())
        .spawn()
        .expect("no /usr/sbin/sshd: run `make test`, which installs it");
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let said = || fs::read_to_string(root.join("sshd.log")).unwrap();
        assert!(start.elapsed() < Duration::from_secs(60), "sshd does not start: {}", said());
        std::thread::sleep(Duration::from_millis(20));
    }
    server
}

/// Makes a pair of keys and gives the private and the public one.
pub fn keygen(path: &Path) -> (String, String) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
        .arg(path)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let public = path.with_extension("pub");
    (fs::read_to_string(path).unwrap(), fs::read_to_string(public).unwrap())
}

pub fn program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
