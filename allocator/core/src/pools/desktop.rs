use crate::text_enum::text_enum;

text_enum! {
    /// How participants see their desktop.
    pub enum Desktop {
        /// Each gives a command of Chrome Remote Desktop.
        ChromeRemoteDesktop = "chrome-remote-desktop",
        /// In the tab of their browser. On machines whose agent can't show it there, a command is
        /// asked for.
        Browser = "browser",
        /// In the tab, and by Chrome Remote Desktop for who gives a command.
        Both = "both",
    }
}

impl Desktop {
    /// Whether the desktop may be shown in a tab.
    pub fn is_in_tab(self) -> bool {
        self != Self::ChromeRemoteDesktop
    }
}
