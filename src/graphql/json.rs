//! GraphQL values as JSON. serde looks at each character for itself; most texts are written as they are.
//!
//! An object that is whole is written as soon as it is made, and from then on is a [`Value::Binary`], which the schema has no other
//! use for: no map is made of its members, walked through and dropped.

use async_graphql::{Name, Value};
use serde_json::{Result, to_writer};

/// An object of `members`, written; `None` where one of them failed, or has an object in it that is not written.
pub fn written(members: &[(&Name, Option<Value>)]) -> Option<Value> {
    let are_whole = |(_, value): &(_, Option<Value>)| value.as_ref().is_some_and(is_whole);
    if !members.iter().all(are_whole) {
        return None;
    }
    let lengths = members
        .iter()
        .map(|(name, value)| of_member(name, value.as_ref()));
    let mut text = Vec::with_capacity(lengths.sum::<usize>() + 2);
    text.push(b'{');
    for (index, (name, value)) in members.iter().enumerate() {
        if index > 0 {
            text.push(b',');
        }
        member(&mut text, name, value.as_ref()?).ok()?;
    }
    text.push(b'}');
    Some(Value::Binary(text.into()))
}

/// Whether all objects in it are written.
fn is_whole(value: &Value) -> bool {
    match value {
        Value::Object(_) => false,
        Value::List(items) => items.iter().all(is_whole),
        _ => true,
    }
}

/// About how long `value` is, written: more rather than less, but for long numbers and for characters that need an escape.
pub fn length(value: &Value) -> usize {
    match value {
        Value::String(string) => string.len() + 2,
        Value::Enum(name) => name.len() + 2,
        Value::Binary(written) => written.len(),
        Value::List(items) => 2 + items.iter().map(|item| length(item) + 1).sum::<usize>(),
        Value::Object(members) => {
            let members = members.iter();
            2 + members
                .map(|(name, value)| of_member(name, Some(value)))
                .sum::<usize>()
        }
        Value::Null | Value::Number(_) | Value::Boolean(_) => 12,
    }
}

fn of_member(name: &Name, value: Option<&Value>) -> usize {
    name.len() + 4 + value.map_or(0, length)
}

fn member(text: &mut Vec<u8>, name: &Name, value: &Value) -> Result<()> {
    // A name has no character that would be written in another way.
    text.push(b'"');
    text.extend_from_slice(name.as_bytes());
    text.extend_from_slice(b"\":");
    write(text, value)
}

/// Adds `value` to `text`.
pub fn write(text: &mut Vec<u8>, value: &Value) -> Result<()> {
    match value {
        Value::String(string) => write_string(text, string),
        Value::Enum(name) => write_string(text, name),
        Value::List(items) => {
            text.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(b',');
                }
                write(text, item)?;
            }
            text.push(b']');
            Ok(())
        }
        Value::Object(members) => {
            text.push(b'{');
            for (index, (name, member)) in members.iter().enumerate() {
                if index > 0 {
                    text.push(b',');
                }
                write_string(text, name)?;
                text.push(b':');
                write(text, member)?;
            }
            text.push(b'}');
            Ok(())
        }
        Value::Binary(written) => {
            text.extend_from_slice(written);
            Ok(())
        }
        Value::Null | Value::Number(_) | Value::Boolean(_) => to_writer(text, value),
    }
}

fn write_string(text: &mut Vec<u8>, string: &str) -> Result<()> {
    // All of them, without stopping at the first: so the processor looks at many at once.
    let needs_escapes = string.bytes().fold(false, |needs, byte| {
        needs | (byte < 0x20) | (byte == b'"') | (byte == b'\\')
    });
    if needs_escapes {
        return to_writer(text, string);
    }
    text.push(b'"');
    text.extend_from_slice(string.as_bytes());
    text.push(b'"');
    Ok(())
}

#[cfg(test)]
mod tests {
    use async_graphql::{Name, value};

    use super::*;

    #[test]
    fn it_is_written_as_serde_writes_it() {
        for value in [
            value!({}),
            value!([]),
            value!([[1], [], [null, true, -1.5]]),
            value!({ "a": { "b": "x", "c": [{ "d": null }] }, "e": 12345678901_i64 }),
            Value::Enum(Name::new("SIZE")),
            value!(
                (0..=0x7f_u8)
                    .map(|byte| char::from(byte).to_string())
                    .collect::<Vec<_>>()
            ),
            value!("ä \u{2028} 🦀 \"quoted\" \\ \n"),
        ] {
            let mut text = Vec::new();
            write(&mut text, &value).unwrap();
            let expected = serde_json::to_string(&value).unwrap();
            assert_eq!(String::from_utf8(text).unwrap(), expected);
        }
    }

    #[test]
    fn an_object_that_is_whole_is_written_at_once() {
        let [id, size, tags, owner, name] = ["id", "size", "tags", "owner", "name"].map(Name::new);
        let owned = written(&[(&name, Some(value!("a \"b\"")))]).unwrap();
        let members = [
            (&id, Some(value!("x"))),
            (&size, Some(value!(7))),
            (&tags, Some(Value::List(vec![Value::Null, owned.clone()]))),
            (&owner, Some(owned)),
        ];
        let mut text = Vec::new();
        write(&mut text, &written(&members).unwrap()).unwrap();
        let expected =
            r#"{"id":"x","size":7,"tags":[null,{"name":"a \"b\""}],"owner":{"name":"a \"b\""}}"#;
        assert_eq!(String::from_utf8(text).unwrap(), expected);
        for unfit in [None, Some(value!({})), Some(value!([1, [{}]]))] {
            assert!(written(&[(&id, Some(value!("x"))), (&owner, unfit)]).is_none());
        }
    }
}
