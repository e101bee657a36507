use lablink_core::{pools::AfterUse, ssh::FitAddresses};

use crate::{
    section::Section,
    syntax::{Parsed, boolean, one_of},
};

/// `manual`: machines that somebody already has.
#[derive(Clone, Copy, Debug)]
pub struct Manual {
    /// What happens to a machine when its participant is done: `clean` (default), `reuse` or
    /// `hold`.
    pub after_use: AfterUse,
    /// `ssh_to_loopback`: true where such machines are processes or tunnels on the allocator's own.
    pub ssh_addresses: FitAddresses,
}

impl Manual {
    pub(crate) fn read(manual: &mut Section<'_>) -> Self {
        let loopback = manual.value("ssh_to_loopback", boolean).unwrap_or(false);
        Self {
            after_use: manual.value("after_use", after_use).unwrap_or(AfterUse::Clean),
            ssh_addresses: if loopback {
                FitAddresses::RemoteOrLoopback
            } else {
                FitAddresses::Remote
            },
        }
    }
}

fn after_use(text: &str) -> Parsed<AfterUse> {
    let words = [("clean", AfterUse::Clean), ("reuse", AfterUse::Reuse), ("hold", AfterUse::Hold)];
    one_of(&words, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn the_allocator_is_not_sent_to_itself_unless_the_file_says_so() {
        let read = |yaml| Config::parse(yaml).unwrap().manual.ssh_addresses;
        assert_eq!(read(""), FitAddresses::Remote);
        assert_eq!(read("manual: {ssh_to_loopback: true}"), FitAddresses::RemoteOrLoopback);
    }

    #[test]
    fn machines_are_cleaned_unless_the_file_says_otherwise() {
        let read = |yaml| Config::parse(yaml).unwrap().manual.after_use;
        assert_eq!(read(""), AfterUse::Clean);
        assert_eq!(read("manual: {after_use: hold}"), AfterUse::Hold);
        assert_eq!(read("manual: {after_use: reuse}"), AfterUse::Reuse);
        let problem = |yaml| Config::parse(yaml).unwrap_err().0.remove(0).message;
        let wrong = problem("manual: {after_use: wipe}");
        assert!(wrong.contains("clean") && wrong.contains("hold"), "{wrong}");
        assert!(problem("manual: {after_uses: hold}").contains("after_use"));
    }
}
