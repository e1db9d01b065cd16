//! Values (GraphQL §2.9).

use async_graphql::{Name, indexmap::IndexMap};
use async_graphql_value::{ConstValue, Number, Value};

use super::{
    Parsed, Parser,
    lexer::{Token, syntax_error},
    strings,
};

impl Parser<'_> {
    pub(super) fn constant(&mut self) -> Parsed<ConstValue> {
        let pos = self.pos;
        let value = self.value(true)?.into_const();
        value.ok_or_else(|| syntax_error(pos, "there is no variable here."))
    }

    /// A value, without variables if it `is_const`.
    pub(super) fn value(&mut self, is_const: bool) -> Parsed<Value> {
        match self.token {
            Token::Mark(b'$') if !is_const => {
                self.advance()?;
                Ok(Value::Variable(self.name()?.node))
            }
            Token::Mark(b'[') => {
                self.advance()?;
                let mut items = Vec::new();
                while !self.take(b']')? {
                    items.push(self.value(is_const)?);
                }
                Ok(Value::List(items))
            }
            Token::Mark(b'{') => self.object(is_const),
            Token::Int(text) | Token::Float(text) => {
                let whole = text.parse::<i64>().map(Number::from);
                let Ok(number) = whole.or_else(|_| text.parse()) else {
                    return Err(syntax_error(self.pos, "this number is too large."));
                };
                self.advance()?;
                Ok(Value::Number(number))
            }
            Token::String(_) | Token::Block(_) => self.string().map(Value::String),
            Token::Name(name) => {
                self.advance()?;
                Ok(match name {
                    "true" => Value::Boolean(true),
                    "false" => Value::Boolean(false),
                    "null" => Value::Null,
                    name => Value::Enum(Name::new(name)),
                })
            }
            _ => self.expected("a value"),
        }
    }

    fn object(&mut self, is_const: bool) -> Parsed<Value> {
        self.advance()?;
        let mut members = IndexMap::new();
        while !self.take(b'}')? {
            let name = self.name()?;
            self.mark(b':')?;
            let value = self.value(is_const)?;
            if members.insert(name.node, value).is_some() {
                return Err(syntax_error(name.pos, "this field is there twice."));
            }
        }
        Ok(Value::Object(members))
    }

    pub(super) fn string(&mut self) -> Parsed<String> {
        let text = match self.token {
            Token::String(written) => strings::text(written),
            Token::Block(written) => Some(strings::block_text(written)),
            _ => return self.expected("a string"),
        };
        let wrong = || syntax_error(self.pos, "this string has an escape that means nothing.");
        let text = text.ok_or_else(wrong)?;
        self.advance()?;
        Ok(text)
    }
}
