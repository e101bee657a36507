use std::{
    ffi::OsString,
    fs,
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::{Machine, Process, TerraformState, end_everything_in, processes_of, programs};

/// Below the ports that outgoing connections take, any of which could be ours while we restart.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
const CONFIG: &str = "provider: local\ndesktop: chrome-remote-desktop\nlocal:\n  warm: 2\n  stop_with_allocator: true\n";

/// A folder with everything of one LabLink, which outlives the allocators that serve it. At the
/// end, even of a test that fails, everything that was started in it is ended.
pub struct Deployment {
    folder: TempDir,
    pub(crate) port: u16,
    pub(crate) variables: Vec<(String, OsString)>,
}

impl Deployment {
    /// Two VMs come up warm by themselves.
    pub fn new() -> Result<Self> {
        Self::with_config(CONFIG)
    }

    /// With this configuration file.
    pub fn with_config(config: &str) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("lablink-e2e-").tempdir()?;
        // As root, the embedded Postgres is another user who must pass through.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711))?;
        fs::write(folder.path().join("config.yaml"), config)?;
        Ok(Self { folder, port: free_port()?, variables: Vec::new() })
    }

    /// Allocators that start from now on get this environment variable as well.
    pub fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.variables.push((name.to_owned(), value.into()));
    }

    /// The environment that allocators are in.
    pub(crate) fn environment(&self) -> String {
        let set = self.variables.iter().rfind(|(name, _)| name == "ENVIRONMENT");
        set.map_or_else(|| "dev".to_owned(), |(_, value)| value.to_string_lossy().into_owned())
    }

    /// Allocators that start from now on listen on another port.
    pub fn change_port(&mut self) -> Result<()> {
        self.port = free_port()?;
        Ok(())
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// Puts a script before a program of this name, for allocators that start from now on.
    pub fn put_before(&self, program: &str, script: &str) -> Result<()> {
        write_program(&self.folder().join("bin").join(program), script)
    }

    /// Puts a script before `vm.sh`, which it finds as `real-vm.sh` beside itself. For a deployment
    /// that has not been started yet.
    pub fn put_before_vm_sh(&self, script: &str) -> Result<()> {
        let module = self.own_modules().join("local");
        fs::create_dir_all(&module)?;
        for entry in fs::read_dir(programs::terraform_modules().join("local"))? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                let name = entry.file_name();
                let name = if name == "vm.sh" { "real-vm.sh".into() } else { name };
                fs::copy(entry.path(), module.join(name))?;
            }
        }
        write_program(&module.join("vm.sh"), script)
    }

    /// Gives this deployment a module of its own, in which `change` gives the new text of each file that
    /// it changes, by name and text: one at least.
    pub fn change_module(
        &self,
        name: &str,
        change: impl Fn(&str, &str) -> Option<String>,
    ) -> Result<()> {
        let mut changed = 0;
        for entry in fs::read_dir(self.own_module(name)?)? {
            let file = entry?;
            let text = fs::read_to_string(file.path())?;
            if let Some(other) = change(&file.file_name().to_string_lossy(), &text) {
                ensure!(other != text, "{} stays as it was", file.path().display());
                fs::write(file.path(), other)?;
                changed += 1;
            }
        }
        ensure!(changed > 0, "nothing to change");
        Ok(())
    }

    /// Gives this deployment a module of its own, with one more file.
    pub fn add_to_module(&self, name: &str, file: &str, text: &str) -> Result<()> {
        Ok(fs::write(self.own_module(name)?.join(file), text)?)
    }

    fn own_module(&self, name: &str) -> Result<PathBuf> {
        let module = self.own_modules().join(name);
        fs::create_dir_all(&module)?;
        for entry in fs::read_dir(programs::terraform_modules().join(name))? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                fs::copy(entry.path(), module.join(entry.file_name()))?;
            }
        }
        // Modules are looked for by this one.
        fs::create_dir_all(self.own_modules().join("local"))?;
        Ok(module)
    }

    fn own_modules(&self) -> PathBuf {
        self.folder().join("terraform")
    }

    pub(crate) fn terraform_modules(&self) -> PathBuf {
        Some(self.own_modules())
            .filter(|it| it.is_dir())
            .unwrap_or_else(programs::terraform_modules)
    }

    /// Where the allocator finds programs.
    pub(crate) fn program_path(&self) -> Result<OsString> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let before = std::iter::once(self.folder().join("bin"));
        Ok(std::env::join_paths(before.chain(std::env::split_paths(&path)))?)
    }

    pub fn config(&self) -> PathBuf {
        self.folder().join("config.yaml")
    }

    /// Standard error of all its allocators.
    pub fn log_file(&self) -> PathBuf {
        self.folder().join("allocator.log")
    }

    pub fn admin_password(&self) -> Result<String> {
        Ok(fs::read_to_string(self.data_dir().join("admin-password"))?.trim().to_owned())
    }

    pub fn machine(&self, hostname: &str) -> Machine {
        Machine::in_folder(&self.data_dir().join("vms"), hostname)
    }

    /// The names of the VMs that have a folder on this machine, sorted.
    pub fn machine_names(&self) -> Result<Vec<String>> {
        let entries = fs::read_dir(self.data_dir().join("vms"))?;
        let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        let mut names = names.collect::<Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    }

    pub fn terraform_state(&self) -> Result<TerraformState> {
        TerraformState::read(&self.data_dir().join("state/dev.tfstate"))
    }

    /// The embedded Postgres.
    pub fn postgres(&self) -> Result<Pid> {
        let noted = fs::read_to_string(self.data_dir().join("postgres/postmaster.pid"))
            .context("no Postgres is noted")?;
        Ok(Pid::from_raw(noted.lines().next().unwrap_or_default().parse()?))
    }

    /// The folder of the embedded Postgres' socket.
    pub fn postgres_socket(&self) -> Result<PathBuf> {
        let noted = fs::read_to_string(self.data_dir().join("postgres/postmaster.pid"))?;
        Ok(PathBuf::from(noted.lines().nth(4).context("no socket is noted")?))
    }

    /// Whatever still runs in this deployment is an error that names it.
    pub fn ensure_nothing_runs(&self) -> Result<()> {
        let running = processes_of(self.folder())?;
        ensure!(running.is_empty(), "still running: {running:#?}");
        Ok(())
    }

    /// Ends everything at once and without any warning, as when the machine loses its power.
    pub fn lose_power(&self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            let running = processes_of(self.folder())?;
            if running.is_empty() {
                return Ok(());
            }
            running.iter().for_each(Process::kill);
        }
        self.ensure_nothing_runs()
    }

    /// On standard error, which the test runner shows for tests that fail.
    fn show_logs(&self) {
        let names = self.machine_names().unwrap_or_default();
        let agents = names.iter().map(|name| self.machine(name).folder.join("agent.log"));
        for file in std::iter::once(self.log_file()).chain(agents) {
            eprintln!("--- {}", file.display());
            eprint!("{}", fs::read_to_string(file).unwrap_or_default());
        }
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        end_everything_in(self.folder(), &self.data_dir());
        self.show_logs();
    }
}

fn write_program(path: &Path, script: &str) -> Result<()> {
    fs::create_dir_all(path.parent().context("a program lies in a folder")?)?;
    fs::write(path, script)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// A port that stays ours across restarts, more or less: nobody else listens there now.
pub fn free_port() -> Result<u16> {
    for _ in 0..100 {
        let port = rand::random_range(PORTS);
        // Not tried out by listening: a child that is being forked would keep the port for a while.
        if TcpStream::connect(("127.0.0.1", port)).is_err() {
            return Ok(port);
        }
    }
    anyhow::bail!("no free port found between {} and {}", PORTS.start, PORTS.end)
}
