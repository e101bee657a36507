use askama::Template;

/// Any refusal or failure that has no page of its own.
#[derive(Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// HTTP status.
    pub status: u16,
    pub title: String,
    /// A sentence that says what to do.
    pub message: String,
    /// The page of the form that was sent; none: it was no form.
    pub form: Option<String>,
    /// Finds the request in the allocator's log.
    pub request_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_happened_and_how_to_find_it_in_the_log() {
        let page = ErrorPage {
            status: 404,
            title: "Not here".to_owned(),
            message: "No <script> here.".to_owned(),
            form: None,
            request_id: "01J".to_owned(),
        };
        let html = page.render().unwrap();
        for key in [
            ">404<",
            "<h1>Not here</h1>",
            ">No &#60;script&#62; here.<",
            "<code>01J</code>",
            r#"class="button primary" href="/""#,
        ] {
            assert!(html.contains(key), "{key}");
        }
        let page = ErrorPage { form: Some("/admin/create".to_owned()), ..page };
        assert!(
            page.render().unwrap().contains(r#"<a class="button primary" href="/admin/create">"#)
        );
    }
}
