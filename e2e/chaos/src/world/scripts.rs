//! Programs that stand before the real ones: they note each call in a file, and hang when a flag
//! tells them to.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use lablink_e2e::programs;

/// What a program that is told to hang becomes.
pub const HUNG: &str = "sleep 900";

const TERRAFORM: &str = r#"#!/bin/sh
# Hangs once when told to; else it is the real Terraform.
flag='@RECORDS@'/hang-terraform-$1
if [ -e "$flag" ] && mv "$flag" "$flag.taken" 2>/dev/null; then exec sleep 900; fi
exec '@REAL@' "$@"
"#;

const VM: &str = r#"#!/usr/bin/env bash
# Notes each call, hangs once when told to, and becomes the real script.
verb=${1:-} dir=${2:-} existed=false given=false enrolled=false token=false marks=''
if [[ $verb == start || $verb == stop || $verb == remove ]]; then
    if [[ -e $dir/settings ]]; then existed=true; fi
    if [[ -n ${ALLOCATOR_URL:-} ]]; then given=true; fi
    if [[ -s $dir/state/agent-token ]]; then enrolled=true; fi
    if [[ -n ${LABLINK_ENROLMENT_TOKEN:-} ]]; then token=true; fi
    for mark in "$dir"/home/marks/*; do
        if [[ -e $mark ]]; then marks+=${marks:+,}\"${mark##*/}\"; fi
    done
    printf '{"at":%s,"verb":"%s","hostname":"%s","existed":%s,"given":%s,"enrolled":%s,"token":%s,"marks":[%s]}\n' \
        "$(date +%s%3N)" "$verb" "${dir##*/}" $existed $given $enrolled $token "$marks" >>'@RECORDS@'/vm.jsonl
    flag='@RECORDS@'/hang-vm-$verb
    if [[ -e $flag ]] && mv "$flag" "$flag.taken" 2>/dev/null; then exec sleep 900; fi
fi
exec bash "${BASH_SOURCE[0]%/*}/vm-real.sh" "$@"
"#;

const START_HOST: &str = r#"#!/usr/bin/env bash
# Notes with what it was started and whose traces it found, leaves a trace of its own, and becomes
# the real stand-in.
IFS= read -r pin
IFS= read -r again
code='' name='' marks=''
for argument in "$@"; do
    case $argument in
    --code=*) code=${argument#--code=} ;;
    --name=*) name=${argument#--name=} ;;
    esac
done
person=${code#*/} person=${person%%-*}
for mark in "$HOME"/marks/*; do
    if [[ -e $mark ]]; then marks+=${marks:+,}\"${mark##*/}\"; fi
done
printf '{"at":%s,"hostname":"%s","code":"%s","pin":"%s","marks":[%s]}\n' \
    "$(date +%s%3N)" "$name" "$code" "$pin" "$marks" >>'@RECORDS@'/starts.jsonl
mkdir -p "$HOME/marks"
: >"$HOME/marks/$pin.$person"
exec bash "${BASH_SOURCE[0]%/*}/start-host-real" "$@" <<<"$pin"$'\n'"$again"
"#;

pub struct Scripts {
    records: PathBuf,
    module: PathBuf,
}

impl Scripts {
    /// Writes them, with a copy of the Terraform modules that uses them.
    pub fn write(folder: &Path) -> Result<Self> {
        let (records, module) = (folder.join("records"), folder.join("modules/local"));
        fs::create_dir_all(&records)?;
        fs::create_dir_all(&module)?;
        for entry in fs::read_dir(programs::terraform_modules().join("local"))? {
            let entry = entry?;
            let name = entry.file_name();
            let name = match name.to_str() {
                Some("vm.sh") => "vm-real.sh",
                Some("start-host") => "start-host-real",
                Some(name) => name,
                None => continue,
            };
            if entry.file_type()?.is_file() {
                fs::copy(entry.path(), module.join(name))?;
            }
        }
        let written = Self { records, module };
        written.program(&written.module.join("vm.sh"), VM, "")?;
        written.program(&written.start_host(), START_HOST, "")?;
        let real = in_path("terraform").context("there is no terraform in PATH")?;
        written.program(&folder.join("terraform"), TERRAFORM, &real.to_string_lossy())?;
        Ok(written)
    }

    fn program(&self, path: &Path, text: &str, real: &str) -> Result<()> {
        let records = self.records.to_string_lossy();
        fs::write(path, text.replace("@RECORDS@", &records).replace("@REAL@", real))?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
        Ok(())
    }

    pub fn start_host(&self) -> PathBuf {
        self.module.join("start-host")
    }

    pub fn vm(&self) -> PathBuf {
        self.module.join("vm.sh")
    }

    pub fn records(&self) -> &Path {
        &self.records
    }

    /// The next call of this program with this verb hangs.
    pub fn hang(&self, what: &str) -> Result<()> {
        Ok(fs::write(self.flag(what), "")?)
    }

    /// Nothing hangs any more that does not hang already. Says whether something does.
    pub fn hang_no_more(&self, what: &str) -> bool {
        let unused = fs::remove_file(self.flag(what)).is_ok();
        !unused
    }

    fn flag(&self, what: &str) -> PathBuf {
        self.records.join(format!("hang-{what}"))
    }
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}
