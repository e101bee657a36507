use std::time::Duration;

/// How many connections there may be, and how long one may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    pub bounds: Bounds,
    pub patience: Patience,
}

/// How many connections there may be at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub all: usize,
    /// Of one address, counting those that have not identified themselves by a right credential or
    /// a link. None: no bound. Connections from our own proxies are not bound.
    pub strangers_per_address: Option<usize>,
    /// In addition to `all`: connections that are told to come again. A look at `/healthz` always
    /// finds room among these.
    pub turned_away: usize,
}

/// How long a peer may take over what it owes us, without getting on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For the whole of a request's head, from its first byte, or from the connection's begin.
    pub head: Duration,
    /// The same, where there is no room for the connection.
    pub turned_away: Duration,
    /// For each few KB of a request's body.
    pub body: Duration,
    /// For taking anything of an answer.
    pub writing: Duration,
    /// Between an answer and the next request. Load balancers keep theirs for up to 60 s, and
    /// should be the first to close.
    pub idle: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            head: seconds(15),
            turned_away: seconds(2),
            body: seconds(20),
            writing: seconds(60),
            idle: seconds(75),
        }
    }
}

impl Bounds {
    const MOST: usize = 50_000;
    const TURNED_AWAY: usize = 64;
    /// One address may have half of a small limit.
    const SHARE: usize = 2;

    /// The limits of a process that may open `files` files. It needs some for the database,
    /// Terraform, archives and the programs that fetch them.
    pub fn of_files(files: usize, strangers_per_address: Option<usize>) -> Self {
        let own = (files / 4).min(512);
        let all = files.saturating_sub(own + Self::TURNED_AWAY).clamp(1, Self::MOST);
        Self {
            all,
            strangers_per_address: strangers_per_address.map(|most| most.min(all / Self::SHARE)),
            turned_away: Self::TURNED_AWAY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_leave_room_for_our_own_files() {
        let usual = Bounds::of_files(20_000, Some(2_000));
        assert_eq!((usual.all, usual.strangers_per_address), (19_424, Some(2_000)));
        let small = Bounds::of_files(1_024, Some(2_000));
        assert_eq!((small.all, small.strangers_per_address), (704, Some(352)));
        assert_eq!(Bounds::of_files(1 << 20, None).all, 50_000);
    }
}
