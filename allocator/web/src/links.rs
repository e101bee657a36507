//! Where everything is: every URL that a page, a redirect or an answer names.

use lablink_core::Token;

/// The claim's own page. The token in it is the right to see it.
pub fn claim(link: &Token) -> String {
    format!("/claims/{}", link.reveal())
}

/// The page of a place in line. Whoever has its link has the place.
pub fn place(link: &Token) -> String {
    format!("/line/{}", link.reveal())
}
