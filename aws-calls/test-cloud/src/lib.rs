//! A stand-in for AWS of a test's own. [`RunningCloud`] starts it, and ends it with all that it started;
//! [`with_cloud`] leads the test's own process to it.
//!
//! `LABLINK_AWS_CLOUD` is the stand-in's folder, with the program `cloud` in it. Where the variable is
//! not set, the test says so and does nothing.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::{
    env, fs,
    future::Future,
    ops::Deref,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tempfile::TempDir;

const TOOL: &str = "LABLINK_AWS_CLOUD";
/// Tells the second run of a test where its cloud is.
const PLACE: &str = "LABLINK_TEST_CLOUD_DIR";

/// A stand-in for AWS that runs.
pub struct Cloud {
    tool: PathBuf,
    dir: PathBuf,
}

/// Runs a test beside a cloud of its own. `name` is the test's, with its modules: programs and SDKs find
/// a cloud by their environment, which a process can't change for itself, so the test is run once more
/// in a process that has it. `options` are those of `cloud start`.
///
/// # Panics
/// If the cloud does not start, or the test fails.
pub fn with_cloud<F: Future<Output = ()>>(
    name: &str,
    options: &[&str],
    test: impl FnOnce(Cloud) -> F,
) {
    if let (Some(tool), Some(dir)) = (tool(), env::var_os(PLACE)) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        return runtime.block_on(test(Cloud { tool, dir: dir.into() }));
    }
    let Some(running) = RunningCloud::start(options) else { return };
    let program = env::current_exe().expect("this test's own program");
    let mut again = Command::new(program);
    again.args(["--exact", name, "--include-ignored", "--nocapture"]);
    for (variable, _) in env::vars_os() {
        if variable.to_string_lossy().starts_with("AWS_") {
            again.env_remove(variable);
        }
    }
    again.envs(running.environment()).env("AWS_CONFIG_FILE", running.profiles());
    let ended = again.env(PLACE, &running.dir).output();
    let ended = ended.expect("this test's own program starts");
    let said = String::from_utf8_lossy(&ended.stdout);
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}\n{errors}");
    assert!(said.contains("1 passed"), "there is no test '{name}' here:\n{said}");
}

fn tool() -> Option<PathBuf> {
    env::var_os(TOOL).map(|folder| Path::new(&folder).join("cloud"))
}

impl Cloud {
    /// What the cloud keeps: `home`, `instances`, `calls.log`.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file of the SDKs' profiles, in a test with a cloud.
    pub fn profiles(&self) -> PathBuf {
        self.dir.join("home/.aws/config")
    }

    /// The project's own image.
    ///
    /// # Panics
    /// Outside of a test with a cloud.
    pub fn image(&self) -> String {
        env::var("AWS_CLOUD_AMI").expect("the cloud's environment")
    }

    /// `cloud WORDS[0] DIR WORDS[1..]`: a fault, the end of a machine. What it printed.
    ///
    /// # Panics
    /// If that fails.
    pub fn does(&self, words: &[&str]) -> String {
        let (what, rest) = words.split_first().expect("a command");
        let mut command = Command::new(&self.tool);
        command.arg(what).arg(&self.dir).args(rest);
        let ended = command.output().expect("the program `cloud` starts");
        let errors = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{words:?}: {errors}");
        String::from_utf8(ended.stdout).expect("text")
    }

    /// One call of AWS's API, as boto3 names service and operation.
    ///
    /// # Panics
    /// If it is refused.
    pub fn call(&self, service: &str, operation: &str, parameters: &Value) -> Value {
        let answer = self.does(&["call", service, operation, &parameters.to_string()]);
        serde_json::from_str(&answer).expect("JSON")
    }
}

/// A cloud that ends with this value.
pub struct RunningCloud {
    cloud: Cloud,
    _dir: TempDir,
}

impl RunningCloud {
    /// With these options of `cloud start`. None, with a sentence on standard error: there is no
    /// stand-in here.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(options: &[&str]) -> Option<Self> {
        let Some(tool) = tool() else {
            eprintln!("skipped: {TOOL} names no stand-in for AWS");
            return None;
        };
        // A short path: sockets lie in it.
        let dir = tempfile::Builder::new().prefix("lablink-aws-").tempdir().expect("a folder");
        let cloud = Cloud { tool, dir: dir.path().join("cloud") };
        cloud.does(&[&["start"], options].concat());
        Some(Self { cloud, _dir: dir })
    }

    /// What leads programs to it: the variables that its `env` exports.
    ///
    /// # Panics
    /// If they can't be read.
    pub fn environment(&self) -> Vec<(String, String)> {
        let text = fs::read_to_string(self.dir.join("env")).expect("the cloud's environment");
        let export = |line: &str| {
            let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
            Some((name.to_owned(), value.trim_matches('\'').to_owned()))
        };
        text.lines().filter_map(export).collect()
    }
}

impl Deref for RunningCloud {
    type Target = Cloud;

    fn deref(&self) -> &Cloud {
        &self.cloud
    }
}

impl Drop for RunningCloud {
    fn drop(&mut self) {
        let stop = Command::new(&self.tool).arg("stop").arg(&self.dir).output();
        if !stop.is_ok_and(|ended| ended.status.success()) {
            eprintln!("the stand-in for AWS in {} was not stopped", self.dir.display());
        }
    }
}
