//! XML as object stores answer it, read into a tree. Namespaces are left out: some stores name theirs, and some do not.

use quick_xml::{
    Reader,
    escape::resolve_predefined_entity,
    events::{BytesRef, Event},
};

use super::failure::Failure;

/// No answer nests deeper.
const DEPTH_MAX: usize = 16;

/// An element, with its text or the elements in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    /// Without a prefix.
    pub name: String,
    pub text: String,
    pub children: Vec<Self>,
}

impl Element {
    /// The root of a document.
    pub fn parse(document: &[u8]) -> Result<Self, Failure> {
        let malformed = |what: String| Failure::Malformed(what);
        let text = std::str::from_utf8(document)
            .map_err(|_| malformed("an answer is not UTF-8".to_owned()))?;
        let mut reader = Reader::from_str(text);
        let mut open: Vec<Self> = vec![Self::default()];
        loop {
            let event = reader
                .read_event()
                .map_err(|error| malformed(format!("an answer is not XML: {error}")))?;
            let Some(inner) = open.last_mut() else {
                return Err(malformed("an answer is not XML".to_owned()));
            };
            match event {
                Event::Start(start) => {
                    let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
                    open.push(Self {
                        name,
                        ..Self::default()
                    });
                    if open.len() > DEPTH_MAX {
                        return Err(malformed("an answer nests too deeply".to_owned()));
                    }
                }
                Event::Empty(empty) => inner.children.push(Self {
                    name: String::from_utf8_lossy(empty.local_name().as_ref()).into_owned(),
                    ..Self::default()
                }),
                Event::End(_) => {
                    let done = open.pop().unwrap_or_default();
                    let Some(outer) = open.last_mut() else {
                        return Err(malformed("an answer is not XML".to_owned()));
                    };
                    outer.children.push(done);
                }
                Event::Text(text) => inner.text.push_str(&String::from_utf8_lossy(&text)),
                Event::CData(text) => inner.text.push_str(&String::from_utf8_lossy(&text)),
                Event::GeneralRef(reference) => inner.text.push_str(&resolve(&reference)?),
                Event::Eof => break,
                _ => {}
            }
        }
        let document = open.pop().filter(|_| open.is_empty()).unwrap_or_default();
        match document.children.into_iter().next() {
            Some(root) => Ok(root),
            None => Err(malformed("an answer has no XML in it".to_owned())),
        }
    }

    /// The text of the first element of this name in it.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        let child = self.children.iter().find(|child| child.name == name)?;
        Some(child.text.trim())
    }

    /// The elements of this name in it.
    pub fn all<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Self> {
        self.children.iter().filter(move |child| child.name == name)
    }
}

/// `&amp;`, `&#34;` and the like.
fn resolve(reference: &BytesRef<'_>) -> Result<String, Failure> {
    let unknown = || Failure::Malformed("an answer has an unknown entity".to_owned());
    if let Some(character) = reference.resolve_char_ref().map_err(|_| unknown())? {
        return Ok(character.to_string());
    }
    let name = std::str::from_utf8(reference).map_err(|_| unknown())?;
    Ok(resolve_predefined_entity(name)
        .ok_or_else(unknown)?
        .to_owned())
}

/// `text` as XML has it between two tags.
pub(super) fn escape(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_all_stores_read_alike() {
        let plain = "<Result><ETag>&#34;abc-2&#34;</ETag><Key>a&amp;b</Key><Part><N>1</N></Part><Part/></Result>";
        let named = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n  {}",
            plain.replace(
                "<Result>",
                "<Result xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
            )
        );
        for document in [plain, &named] {
            let root = Element::parse(document.as_bytes()).unwrap();
            assert_eq!(root.name, "Result");
            assert_eq!(root.text_of("ETag"), Some("\"abc-2\""));
            assert_eq!(root.text_of("Key"), Some("a&b"));
            assert_eq!(root.all("Part").count(), 2);
            assert_eq!(root.text_of("Missing"), None);
        }
    }

    #[test]
    fn what_is_no_xml_is_an_error_and_never_a_panic() {
        let deep = "<a>".repeat(100);
        for document in [
            "",
            "text",
            "<a",
            "<a><b></a>",
            "</a>",
            "<a>&nope;</a>",
            "<a>&#xfffffff;</a>",
            &deep,
        ] {
            assert!(Element::parse(document.as_bytes()).is_err(), "{document}");
        }
        assert!(Element::parse(&[0xff, 0xfe]).is_err());
    }

    #[test]
    fn text_survives_both_ways() {
        let text = "\"a&b<c>'";
        let document = format!("<E>{}</E>", escape(text));
        assert_eq!(Element::parse(document.as_bytes()).unwrap().text, text);
    }
}
