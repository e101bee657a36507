use crate::{section::Section, syntax::boolean};

/// `install`: how the agent gets onto machines that are registered by hand.
#[derive(Clone, Copy, Debug)]
pub struct Install {
    /// True: script, program and token may go over plain HTTP. Default false: plain HTTP is
    /// refused, unless the allocator is called by a loopback address.
    pub allow_http: bool,
}

impl Install {
    pub(crate) fn read(install: &mut Section<'_>) -> Self {
        Self { allow_http: install.value("allow_http", boolean).unwrap_or(false) }
    }
}

#[cfg(test)]
mod tests {
    use crate::Config;

    #[test]
    fn plain_http_is_refused_unless_the_file_allows_it() {
        let read = |yaml| Config::parse(yaml).unwrap().install.allow_http;
        assert!(!read("") && read("install: {allow_http: true}"));
        assert!(Config::parse("install: {allow_https: true}").is_err());
    }
}
