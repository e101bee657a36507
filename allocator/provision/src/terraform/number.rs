use lablink_protocol::Hostname;

/// The number at the end of a name that LabLink made.
pub(super) fn number(hostname: &Hostname) -> Option<u32> {
    hostname.as_str().rsplit_once('-')?.1.parse().ok()
}
