//! Documents by the grammar of the specification (GraphQL §2, edition of September 2025).
//!
//! async-graphql's own grammar is of an older edition, and loose: it knows no surrogate pairs, no `\u{…}`, no descriptions
//! and no white space inside of types, and reads `queryA{…}` and `[00]`. This one makes the same tree.

use std::collections::{HashMap, hash_map::Entry};

use async_graphql::{
    Name, Pos, Positioned, ServerError,
    parser::types::{
        BaseType, Directive, DocumentOperations, ExecutableDocument, Field, FragmentDefinition,
        FragmentSpread, InlineFragment, OperationDefinition, OperationType, Selection,
        SelectionSet, Type, TypeCondition, VariableDefinition,
    },
};
use async_graphql_value::Value;

mod lexer;
mod strings;
mod values;

use lexer::{Lexer, Token, syntax_error};

type Parsed<T> = Result<T, ServerError>;
type Arguments = Vec<(Positioned<Name>, Positioned<Value>)>;

/// Parses `source`, whose nesting was limited by the `scan`: the parser goes as deep as the text.
pub fn parse(source: &str) -> Parsed<ExecutableDocument> {
    let mut lexer = Lexer::new(source);
    let (token, pos) = lexer.next()?;
    let mut parser = Parser { lexer, token, pos };
    parser.document()
}

struct Parser<'s> {
    lexer: Lexer<'s>,
    /// The next token, which has not been taken.
    token: Token<'s>,
    pos: Pos,
}

impl<'s> Parser<'s> {
    fn advance(&mut self) -> Parsed<Token<'s>> {
        let (token, pos) = self.lexer.next()?;
        self.pos = pos;
        Ok(std::mem::replace(&mut self.token, token))
    }

    fn expected<T>(&self, what: &str) -> Parsed<T> {
        let message = format!("{what} is expected, not {}.", self.token.shown());
        Err(syntax_error(self.pos, &message))
    }

    fn is(&self, mark: u8) -> bool {
        self.token == Token::Mark(mark)
    }

    /// Takes the mark if it is the next token.
    fn take(&mut self, mark: u8) -> Parsed<bool> {
        let is_next = self.is(mark);
        if is_next {
            self.advance()?;
        }
        Ok(is_next)
    }

    fn mark(&mut self, mark: u8) -> Parsed<()> {
        match self.take(mark)? {
            true => Ok(()),
            false => self.expected(&Token::Mark(mark).shown()),
        }
    }

    fn name(&mut self) -> Parsed<Positioned<Name>> {
        let (Token::Name(name), pos) = (self.token, self.pos) else {
            return self.expected("a name");
        };
        self.advance()?;
        Ok(Positioned::new(Name::new(name), pos))
    }

    /// One or more, up to the mark.
    fn several<T>(
        &mut self,
        end: u8,
        mut one: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        let mut all = vec![one(self)?];
        while !self.take(end)? {
            all.push(one(self)?);
        }
        Ok(all)
    }

    fn document(&mut self) -> Parsed<ExecutableDocument> {
        let mut anonymous = None;
        let mut operations = HashMap::new();
        let mut fragments = HashMap::new();
        while self.token != Token::End {
            let is_described = self.description()?;
            let pos = self.pos;
            let kind = match self.token {
                Token::Mark(b'{') if !is_described => OperationType::Query,
                Token::Name("query") => OperationType::Query,
                Token::Name("mutation") => OperationType::Mutation,
                Token::Name("subscription") => OperationType::Subscription,
                Token::Name("fragment") => {
                    let (name, fragment) = self.fragment()?;
                    let fragment = Positioned::new(fragment, pos);
                    if fragments.insert(name.node, fragment).is_some() {
                        return Err(syntax_error(name.pos, "there is a fragment of this name."));
                    }
                    continue;
                }
                _ => return self.expected("an operation or a fragment"),
            };
            let (name, operation) = self.operation(kind)?;
            let operation = Positioned::new(operation, pos);
            let is_first = match name {
                Some(name) => match operations.entry(name.node) {
                    Entry::Vacant(entry) => {
                        entry.insert(operation);
                        true
                    }
                    Entry::Occupied(_) => false,
                },
                None => anonymous.replace(operation).is_none(),
            };
            if !is_first || anonymous.is_some() && !operations.is_empty() {
                let message = "several operations have names, each one of its own.";
                return Err(syntax_error(pos, message));
            }
        }
        let operations = match anonymous {
            Some(operation) => DocumentOperations::Single(operation),
            None if operations.is_empty() => return self.expected("an operation"),
            None => DocumentOperations::Multiple(operations),
        };
        Ok(ExecutableDocument {
            operations,
            fragments,
        })
    }

    /// Takes a description, which means nothing to anybody but readers. Whether there was one.
    fn description(&mut self) -> Parsed<bool> {
        let is_there = matches!(self.token, Token::String(_) | Token::Block(_));
        if is_there {
            self.string()?;
        }
        Ok(is_there)
    }

    fn operation(
        &mut self,
        ty: OperationType,
    ) -> Parsed<(Option<Positioned<Name>>, OperationDefinition)> {
        let mut name = None;
        let mut variable_definitions = Vec::new();
        let mut directives = Vec::new();
        if !self.is(b'{') {
            self.advance()?;
            if matches!(self.token, Token::Name(_)) {
                name = Some(self.name()?);
            }
            if self.take(b'(')? {
                variable_definitions = self.several(b')', Self::variable_definition)?;
            }
            directives = self.directives(false)?;
        }
        let selection_set = self.selection_set()?;
        let operation = OperationDefinition {
            ty,
            variable_definitions,
            directives,
            selection_set,
        };
        Ok((name, operation))
    }

    fn variable_definition(&mut self) -> Parsed<Positioned<VariableDefinition>> {
        self.description()?;
        let pos = self.pos;
        self.mark(b'$')?;
        let name = self.name()?;
        self.mark(b':')?;
        let start = self.pos;
        let var_type = Positioned::new(self.kind()?, start);
        let default_value = match self.take(b'=')? {
            true => {
                let start = self.pos;
                Some(Positioned::new(self.constant()?, start))
            }
            false => None,
        };
        let directives = self.directives(true)?;
        let definition = VariableDefinition {
            name,
            var_type,
            directives,
            default_value,
        };
        Ok(Positioned::new(definition, pos))
    }

    fn kind(&mut self) -> Parsed<Type> {
        let base = match self.take(b'[')? {
            true => {
                let item = self.kind()?;
                self.mark(b']')?;
                BaseType::List(Box::new(item))
            }
            false => BaseType::Named(self.name()?.node),
        };
        let nullable = !self.take(b'!')?;
        Ok(Type { base, nullable })
    }

    fn fragment(&mut self) -> Parsed<(Positioned<Name>, FragmentDefinition)> {
        self.advance()?;
        if self.token == Token::Name("on") {
            return self.expected("the fragment's name");
        }
        let name = self.name()?;
        let Some(type_condition) = self.type_condition()? else {
            return self.expected("\"on\"");
        };
        let directives = self.directives(false)?;
        let selection_set = self.selection_set()?;
        let fragment = FragmentDefinition {
            type_condition,
            directives,
            selection_set,
        };
        Ok((name, fragment))
    }

    fn type_condition(&mut self) -> Parsed<Option<Positioned<TypeCondition>>> {
        let pos = self.pos;
        if self.token != Token::Name("on") {
            return Ok(None);
        }
        self.advance()?;
        let on = self.name()?;
        Ok(Some(Positioned::new(TypeCondition { on }, pos)))
    }

    fn selection_set(&mut self) -> Parsed<Positioned<SelectionSet>> {
        let pos = self.pos;
        self.mark(b'{')?;
        let items = self.several(b'}', Self::selection)?;
        Ok(Positioned::new(SelectionSet { items }, pos))
    }

    fn selection(&mut self) -> Parsed<Positioned<Selection>> {
        let pos = self.pos;
        let selection = match self.token {
            Token::Spread => {
                self.advance()?;
                match self.token {
                    Token::Name(name) if name != "on" => {
                        let spread = FragmentSpread {
                            fragment_name: self.name()?,
                            directives: self.directives(false)?,
                        };
                        Selection::FragmentSpread(Positioned::new(spread, pos))
                    }
                    _ => {
                        let inline = InlineFragment {
                            type_condition: self.type_condition()?,
                            directives: self.directives(false)?,
                            selection_set: self.selection_set()?,
                        };
                        Selection::InlineFragment(Positioned::new(inline, pos))
                    }
                }
            }
            _ => Selection::Field(Positioned::new(self.field()?, pos)),
        };
        Ok(Positioned::new(selection, pos))
    }

    fn field(&mut self) -> Parsed<Field> {
        let mut name = self.name()?;
        let mut alias = None;
        if self.take(b':')? {
            alias = Some(std::mem::replace(&mut name, self.name()?));
        }
        let arguments = self.arguments(false)?;
        let directives = self.directives(false)?;
        let selection_set = match self.is(b'{') {
            true => self.selection_set()?,
            false => Positioned::default(),
        };
        Ok(Field {
            alias,
            name,
            arguments,
            directives,
            selection_set,
        })
    }

    fn arguments(&mut self, is_const: bool) -> Parsed<Arguments> {
        if !self.take(b'(')? {
            return Ok(Vec::new());
        }
        self.several(b')', |parser| {
            let name = parser.name()?;
            parser.mark(b':')?;
            let pos = parser.pos;
            Ok((name, Positioned::new(parser.value(is_const)?, pos)))
        })
    }

    fn directives(&mut self, is_const: bool) -> Parsed<Vec<Positioned<Directive>>> {
        let mut directives = Vec::new();
        while self.is(b'@') {
            let pos = self.pos;
            self.advance()?;
            let name = self.name()?;
            let arguments = self.arguments(is_const)?;
            directives.push(Positioned::new(Directive { name, arguments }, pos));
        }
        Ok(directives)
    }
}

#[cfg(test)]
mod tests;
