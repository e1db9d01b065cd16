//! Markup is what its first element is: comments, declarations and processing instructions before it say nothing.

/// What stands before the first element, and the element.
#[derive(Debug, Default)]
pub struct Root<'t> {
    /// With its prefix, if it has one; empty when the head ends before it, or text follows instead.
    name: &'t str,
    attributes: &'t str,
    doctype: &'t str,
    is_xml: bool,
}

/// By the element's name without its prefix, and a part of its namespace when the name alone is not enough.
const ROOTS: &[(&str, &str, &str)] = &[
    ("svg", "", "image/svg+xml"),
    ("rss", "", "application/rss+xml"),
    (
        "RDF",
        "http://www.w3.org/1999/02/22-rdf-syntax-ns",
        "application/rdf+xml",
    ),
    (
        "feed",
        "http://www.w3.org/2005/Atom",
        "application/atom+xml",
    ),
    ("kml", "", "application/vnd.google-earth.kml+xml"),
    ("gpx", "", "application/gpx+xml"),
    (
        "TrainingCenterDatabase",
        "",
        "application/vnd.garmin.tcx+xml",
    ),
    ("FictionBook", "", "application/x-fictionbook+xml"),
    ("math", "", "application/mathml+xml"),
    (
        "score-partwise",
        "",
        "application/vnd.recordare.musicxml+xml",
    ),
    (
        "score-timewise",
        "",
        "application/vnd.recordare.musicxml+xml",
    ),
    ("COLLADA", "", "model/vnd.collada+xml"),
    ("X3D", "", "model/x3d+xml"),
    (
        "stylesheet",
        "http://www.w3.org/1999/XSL/Transform",
        "application/xslt+xml",
    ),
    ("mxfile", "", "application/vnd.jgraph.mxfile"),
    ("xliff", "", "application/xliff+xml"),
    ("tt", "http://www.w3.org/ns/ttml", "application/ttml+xml"),
    ("MPD", "urn:mpeg:dash:schema:mpd", "application/dash+xml"),
    ("playlist", "http://xspf.org/ns", "application/xspf+xml"),
    (
        "Envelope",
        "http://www.w3.org/2003/05/soap-envelope",
        "application/soap+xml",
    ),
];

/// Elements with which a fragment of html begins.
const HTML: &str = " html head body script style title meta link iframe frameset base table div p a b br h1 h2 h3 h4 \
    h5 h6 font form img span center pre ul ol section article main header footer nav noscript template ";

impl<'t> Root<'t> {
    /// `None` when the text does not begin as markup does.
    pub fn of(text: &'t str) -> Option<Self> {
        let mut rest = text.trim_start();
        if !rest.starts_with('<') {
            return None;
        }
        let mut root = Root {
            is_xml: rest.starts_with("<?xml"),
            ..Root::default()
        };
        loop {
            rest = rest.trim_start();
            let end = if rest.starts_with("<?") {
                rest.find("?>").map(|end| end + 2)
            } else if let Some(comment) = rest.strip_prefix("<!--") {
                comment.find("-->").map(|end| end + 7)
            } else if rest
                .get(..9)
                .is_some_and(|start| start.eq_ignore_ascii_case("<!doctype"))
            {
                root.doctype = word(rest[9..].trim_start());
                end_of_doctype(rest)
            } else {
                break;
            };
            rest = &rest[end.unwrap_or(rest.len())..];
        }
        if let Some(element) = rest.strip_prefix('<') {
            root.name = word(element);
            let attributes = &element[root.name.len()..];
            root.attributes = &attributes[..attributes.find('>').unwrap_or(attributes.len())];
        }
        Some(root)
    }

    /// The type of a known vocabulary.
    pub fn known(&self) -> Option<&'static str> {
        if self.is_html() {
            let is_xhtml = self.is_xml && self.attributes.contains("http://www.w3.org/1999/xhtml");
            return Some(if is_xhtml {
                "application/xhtml+xml"
            } else {
                "text/html"
            });
        }
        let local = match self.name {
            "" => self.doctype,
            name => name.rsplit(':').next().unwrap_or_default(),
        };
        let known = |(name, namespace, _): &&(&str, &str, &str)| {
            *name == local && self.attributes.contains(namespace)
        };
        ROOTS.iter().find(known).map(|(_, _, known)| *known)
    }

    pub fn is_html(&self) -> bool {
        let name = self.name.to_ascii_lowercase();
        let by_name = !name.is_empty() && HTML.contains(&format!(" {name} "));
        by_name || self.doctype.eq_ignore_ascii_case("html")
    }

    /// XML by its declaration, or because its element names a namespace.
    pub fn is_xml(&self) -> bool {
        self.is_xml || self.attributes.contains("xmlns")
    }
}

/// The name at the start of `text`.
fn word(text: &str) -> &str {
    let is_end = |c: char| c.is_whitespace() || "<>/[\"'".contains(c);
    &text[..text.find(is_end).unwrap_or(text.len())]
}

/// A document type may hold declarations in brackets, and quoted identifiers.
fn end_of_doctype(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), _) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[') => depth += 1,
            (None, ']') => depth = depth.saturating_sub(1),
            (None, '>') if depth == 0 => return Some(at + 1),
            _ => {}
        }
    }
    None
}
