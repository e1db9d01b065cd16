"""What Schemathesis has to know of Cloakroom: how its scalars are written, and what every answer has to be.

Schemathesis reads the schema from a running server and makes up operations. An error is a fine answer to those, when its
code is one that the schema's clients know; a failure of the server is not, and neither are data of another shape.
"""

import os
import re

import schemathesis
from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    is_abstract_type,
    parse,
)
from hypothesis import strategies
from schemathesis.graphql import nodes

DATES = strategies.datetimes().map(lambda date: date.strftime("%Y-%m-%dT%H:%M:%SZ"))
schemathesis.graphql.scalar("DateTime", (DATES | strategies.text(max_size=20)).map(nodes.String))
schemathesis.graphql.scalar("Int64", strategies.integers().map(nodes.Int))
# Ids of things there are, in the environment: made up alone, they would lead nowhere.
IDS = strategies.sampled_from(os.environ["IDS"].split())
schemathesis.graphql.scalar("ID", (IDS | strategies.text(max_size=40)).map(nodes.String))
schemathesis.graphql.scalar("Upload", strategies.text(max_size=40).map(nodes.String))

CODES = {
    "UNAUTHENTICATED", "FORBIDDEN", "NOT_FOUND", "BAD_USER_INPUT", "CONFLICT", "FILE_TOO_LARGE", "PAYLOAD_TOO_LARGE",
    "QUOTA_EXCEEDED", "CHECKSUM_MISMATCH", "QUERY_TOO_COMPLEX", "RATE_LIMITED",
}  # fmt: skip
LEAVES = {
    "ID": lambda value: isinstance(value, str),
    "String": lambda value: isinstance(value, str),
    "Boolean": lambda value: isinstance(value, bool),
    "Int": lambda value: isinstance(value, int) and abs(value) < 1 << 31,
    "Int64": lambda value: isinstance(value, int) and abs(value) < 1 << 63,
    "DateTime": lambda value: re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value),
}


@schemathesis.check
def documented(_context, response, case):
    """Every answer is JSON below 500, with codes from the list, and data as the schema says."""
    assert response.status_code < 500, f"status {response.status_code}"
    answer = response.json()
    assert set(answer) <= {"data", "errors"} and answer, answer
    for error in answer.get("errors", []):
        assert error["extensions"]["code"] in CODES, error
    if answer.get("data") is not None:
        operation = parse(case.body).definitions[0]
        schema = case.operation.schema.client_schema
        root = {"query": schema.query_type, "mutation": schema.mutation_type}[operation.operation.value]
        conforms(schema, root, answer["data"], operation.selection_set)


def conforms(schema, kind, value, selections):
    if isinstance(kind, GraphQLNonNull):
        assert value is not None, f"null for {kind}"
        return conforms(schema, kind.of_type, value, selections)
    if value is None:
        return None
    if isinstance(kind, GraphQLList):
        assert isinstance(value, list), f"{value!r} for {kind}"
        return [conforms(schema, kind.of_type, item, selections) for item in value]
    if isinstance(kind, GraphQLEnumType):
        assert value in kind.values, f"{value!r} for {kind}"
        return None
    if is_abstract_type(kind):
        assert any(is_of(schema, one, value, selections) for one in schema.get_possible_types(kind)), f"{value!r} for {kind}"
        return None
    if isinstance(kind, GraphQLObjectType):
        fields = fields_of(schema, kind, selections)
        assert list(value) == list(fields), f"{list(value)} for {list(fields)}"
        for name, field in fields.items():
            if field.name.value != "__typename":
                conforms(schema, kind.fields[field.name.value].type, value[name], field.selection_set)
        return None
    assert LEAVES[kind.name](value), f"{value!r} for {kind}"
    return None


def is_of(schema, kind, value, selections):
    try:
        conforms(schema, kind, value, selections)
    except AssertionError:
        return False
    return True


def fields_of(schema, kind, selections):
    """The fields that an object of the type has, by their names in the answer."""
    fields = {}
    for one in selections.selections:
        if isinstance(one, FieldNode):
            fields.setdefault((one.alias or one.name).value, one)
            continue
        on = one.type_condition and schema.get_type(one.type_condition.name.value)
        if on in (None, kind) or is_abstract_type(on) and schema.is_sub_type(on, kind):
            for name, field in fields_of(schema, kind, one.selection_set).items():
                fields.setdefault(name, field)
    return fields
