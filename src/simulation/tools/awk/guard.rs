//! What a program's tree may have in it, and how it is put in order before it runs.
//!
//! Refused: `system`, pipes, files that the program itself opens, gawk's own ways to the outside, and functions that
//! call themselves. Put in order: `next` and `exit` end their rule at once (the crate goes on with it), `exit` leads
//! to the END rules, `for (k in a)` takes the names in order, so that a world is the same in each run, a loop ends
//! some time, and ENVIRON and the time are the simulated host's.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use awk_rs::SourceLocation;
use awk_rs::ast::{AssignOp, BinaryOp, Block, Expr, FunctionDef, OutputRedirect, Pattern, Program, Stmt};

use super::super::pattern::{Syntax, translate};

/// What a program is told of the simulated host.
pub(super) struct Facts {
    pub now: Duration,
    pub environment: BTreeMap<String, String>,
    /// Built-in variables that are set before it begins.
    pub assigned: Vec<(String, String)>,
}

/// A program that can be run.
#[derive(Debug)]
pub(super) struct Guarded {
    /// What the BEGIN rules do, with what is set before.
    pub first: Vec<Block>,
    /// The rules for records, and functions.
    pub middle: Program,
    /// What the END rules do.
    pub last: Vec<Block>,
    /// Prints 1 after an `exit`.
    pub exited: Block,
    /// Prints 1 after more steps than [`MOST_STEPS`].
    pub exhausted: Block,
    /// Whether records are read at all.
    pub reads: bool,
}

/// Some seconds' work; a program that does more is taken for one that would never end.
const MOST_STEPS: f64 = 5e6;
/// Names that no program can have.
const EXITED: &str = "(exited)";
const EXHAUSTED: &str = "(exhausted)";
const STEPS: &str = "(steps)";
const ENVIRONMENT: &str = "(environment)";

const NOWHERE: SourceLocation = SourceLocation { line: 0, column: 0 };

/// Which kind of rule a statement is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Records,
    End,
}

struct Guard {
    now: Duration,
    /// How many arrays have been made for `for (k in a)`.
    arrays: usize,
    environment: bool,
    random: bool,
}

type Checked = Result<(), String>;

fn refused(what: &str, location: SourceLocation) -> Checked {
    Err(format!("line {}: {what} cannot be used on this host", location.line))
}

fn variable(name: &str) -> Expr {
    Expr::Var(name.to_owned(), NOWHERE)
}

fn assign(target: Expr, value: Expr) -> Stmt {
    let (target, value) = (Box::new(target), Box::new(value));
    Stmt::Expr(Expr::Assign { target, op: AssignOp::Assign, value, location: NOWHERE })
}

fn block(statements: Vec<Stmt>) -> Block {
    Block::new(statements, NOWHERE)
}

fn print(name: &str) -> Block {
    block(vec![Stmt::Print { args: vec![variable(name)], output: None, location: NOWHERE }])
}

fn end_of_rule() -> Stmt {
    Stmt::Return { value: None, location: NOWHERE }
}

/// Whether a text goes deeper than the crate's parser and interpreter can follow.
pub(super) fn too_deep(text: &str) -> bool {
    const DEEPEST: i32 = 100;
    let (mut depth, mut signs) = (0_i32, 0);
    text.chars().any(|c| {
        match c {
            '(' | '{' | '[' => depth += 1,
            ')' | '}' | ']' => depth -= 1,
            _ => {}
        }
        match c {
            '!' | '-' | '+' | '$' | '^' | '?' | ':' => signs += 1,
            ' ' | '\t' => {}
            _ => signs = 0,
        }
        depth > DEEPEST || signs > DEEPEST
    })
}

/// Checks a program and puts it in order.
pub(super) fn guarded(mut program: Program, facts: Facts) -> Result<Guarded, String> {
    let mut guard = Guard { now: facts.now, arrays: 0, environment: false, random: false };
    let (mut first, mut last, mut rules) = (Vec::new(), Vec::new(), Vec::new());
    for mut rule in program.rules.drain(..) {
        let end = matches!(rule.pattern, Some(Pattern::End));
        if let Some(pattern) = &mut rule.pattern {
            guard.pattern(pattern, rule.location)?;
        }
        if let Some(action) = &mut rule.action {
            guard.block(action, if end { Within::End } else { Within::Records })?;
        }
        match (&rule.pattern, rule.action) {
            (Some(Pattern::Begin), Some(action)) => first.push(action),
            (Some(Pattern::End), Some(action)) => last.push(action),
            (_, action) => {
                rule.action = action;
                rules.push(rule);
            }
        }
    }
    for function in &mut program.functions {
        guard.block(&mut function.body, Within::Records)?;
    }
    recursive(&program.functions)?;
    let mut before = Vec::new();
    for (name, value) in facts.assigned {
        before.push(assign(variable(&name), Expr::String(super::bytes::inward(value.as_bytes()), NOWHERE)));
    }
    if guard.environment {
        for (name, value) in facts.environment {
            let indices = vec![Expr::String(super::bytes::inward(name.as_bytes()), NOWHERE)];
            let target = Expr::ArrayAccess { array: ENVIRONMENT.to_owned(), indices, location: NOWHERE };
            before.push(assign(target, Expr::String(super::bytes::inward(value.as_bytes()), NOWHERE)));
        }
    }
    if guard.random {
        before.push(Stmt::Expr(guard.seeded()));
    }
    first.insert(0, block(before));
    let reads = !rules.is_empty() || !last.is_empty();
    program.rules = rules;
    Ok(Guarded { first, middle: program, last, exited: print(EXITED), exhausted: print(EXHAUSTED), reads })
}

/// Refuses functions that call themselves, on whatever way: the crate has no limit for it.
fn recursive(functions: &[FunctionDef]) -> Checked {
    let mut calls: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for function in functions {
        // The tree's own text has every call in it.
        let text = format!("{:?}", function.body);
        let called = functions.iter().map(|other| &other.name);
        let called = called.filter(|name| text.contains(&format!("Call {{ name: {name:?}")));
        calls.insert(&function.name, called.cloned().collect());
    }
    for function in functions {
        let mut seen = BTreeSet::new();
        let mut waiting = vec![function.name.clone()];
        while let Some(name) = waiting.pop() {
            for next in calls.get(name.as_str()).into_iter().flatten() {
                if *next == function.name {
                    return refused(&format!("a function that calls itself ({next})"), function.location);
                }
                if seen.insert(next.clone()) {
                    waiting.push(next.clone());
                }
            }
        }
    }
    Ok(())
}

impl Guard {
    fn seconds(&self) -> Expr {
        Expr::Number(self.now.as_secs() as f64, NOWHERE)
    }

    fn seeded(&self) -> Expr {
        Expr::Call { name: "srand".to_owned(), args: vec![self.seconds()], location: NOWHERE }
    }

    fn pattern(&mut self, pattern: &mut Pattern, location: SourceLocation) -> Checked {
        match pattern {
            Pattern::Begin | Pattern::End => Ok(()),
            Pattern::BeginFile | Pattern::EndFile => refused("BEGINFILE", location),
            Pattern::Expr(expression) => self.expression(expression),
            Pattern::Regex(regex) => self.regex(regex),
            Pattern::Range { start: one, end: other }
            | Pattern::And(one, other)
            | Pattern::Or(one, other) => {
                self.pattern(one, location)?;
                self.pattern(other, location)
            }
            Pattern::Not(inner) => self.pattern(inner, location),
        }
    }

    /// awk's own way to write an expression becomes the crate's.
    fn regex(&self, regex: &mut String) -> Checked {
        *regex = translate(regex, Syntax::Extended)
            .map_err(|text| format!("regular expression /{regex}/: {text}"))?;
        Ok(())
    }

    fn block(&mut self, block: &mut Block, within: Within) -> Checked {
        block.statements.iter_mut().try_for_each(|statement| self.statement(statement, within))
    }

    /// A loop's body, which counts its steps.
    fn body(&mut self, body: &mut Stmt, within: Within) -> Checked {
        self.statement(body, within)?;
        let condition = Expr::Binary {
            left: Box::new(Expr::PreIncrement(Box::new(variable(STEPS)), NOWHERE)),
            op: BinaryOp::Gt,
            right: Box::new(Expr::Number(MOST_STEPS, NOWHERE)),
            location: NOWHERE,
        };
        let mut stop = vec![assign(variable(EXHAUSTED), Expr::Number(1.0, NOWHERE))];
        stop.extend(exit(Some(Expr::Number(2.0, NOWHERE)), Within::Records));
        let check = Stmt::If {
            condition,
            then_branch: Box::new(Stmt::Block(block(stop))),
            else_branch: None,
            location: NOWHERE,
        };
        let inner = std::mem::replace(body, Stmt::Empty);
        *body = Stmt::Block(block(vec![check, inner]));
        Ok(())
    }

    fn statement(&mut self, statement: &mut Stmt, within: Within) -> Checked {
        match statement {
            Stmt::Expr(expression) => {
                self.expression(expression)?;
                // To name an element is to make it.
                if matches!(expression, Expr::ArrayAccess { .. }) {
                    *statement = assign(expression.clone(), expression.clone());
                }
                Ok(())
            }
            Stmt::Print { args, output, location } => {
                self.output(output, *location)?;
                self.all(args)
            }
            Stmt::Printf { format, args, output, location } => {
                self.output(output, *location)?;
                self.expression(format)?;
                self.all(args)
            }
            Stmt::If { condition, then_branch, else_branch, .. } => {
                self.expression(condition)?;
                self.statement(then_branch, within)?;
                else_branch.as_mut().map_or(Ok(()), |branch| self.statement(branch, within))
            }
            Stmt::While { condition, body, .. } | Stmt::DoWhile { body, condition, .. } => {
                self.expression(condition)?;
                self.body(body, within)
            }
            Stmt::For { init, condition, update, body, .. } => {
                if let Some(init) = init {
                    self.statement(init, within)?;
                }
                for expression in condition.iter_mut().chain(update) {
                    self.expression(expression)?;
                }
                self.body(body, within)
            }
            Stmt::ForIn { var, array, body, .. } => {
                self.statement(body, within)?;
                let array = self.array(array)?;
                let inner = std::mem::replace(&mut **body, Stmt::Empty);
                *statement = self.ordered(var.clone(), array, inner);
                Ok(())
            }
            Stmt::Block(inner) => self.block(inner, within),
            Stmt::Next { .. } | Stmt::Nextfile { .. } => {
                let next = std::mem::replace(statement, Stmt::Empty);
                *statement = Stmt::Block(block(vec![next, end_of_rule()]));
                Ok(())
            }
            Stmt::Exit { code, .. } => {
                if let Some(code) = code {
                    self.expression(code)?;
                }
                *statement = Stmt::Block(block(exit(code.take(), within)));
                Ok(())
            }
            Stmt::Return { value, .. } => value.as_mut().map_or(Ok(()), |value| self.expression(value)),
            Stmt::Delete { array, index, .. } => {
                *array = self.array(array)?;
                self.all(index)
            }
            Stmt::Break { .. } | Stmt::Continue { .. } | Stmt::Empty => Ok(()),
        }
    }

    /// `for (var in array) body` over the names in order.
    fn ordered(&mut self, var: String, array: String, body: Stmt) -> Stmt {
        self.arrays += 1;
        let (names, index, count) = (
            format!("(names {})", self.arrays),
            format!("(index {})", self.arrays),
            format!("(count {})", self.arrays),
        );
        let sort = Expr::Call {
            name: "asorti".to_owned(),
            args: vec![variable(&array), variable(&names)],
            location: NOWHERE,
        };
        let name = Expr::ArrayAccess { array: names, indices: vec![variable(&index)], location: NOWHERE };
        let condition = Expr::Binary {
            left: Box::new(variable(&index)),
            op: BinaryOp::Le,
            right: Box::new(variable(&count)),
            location: NOWHERE,
        };
        block_statement(vec![
            assign(variable(&count), sort),
            Stmt::For {
                init: Some(Box::new(assign(variable(&index), Expr::Number(1.0, NOWHERE)))),
                condition: Some(condition),
                update: Some(Expr::PreIncrement(Box::new(variable(&index)), NOWHERE)),
                body: Box::new(block_statement(vec![assign(variable(&var), name), body])),
                location: NOWHERE,
            },
        ])
    }

    fn output(&mut self, output: &mut Option<OutputRedirect>, location: SourceLocation) -> Checked {
        match output {
            None => Ok(()),
            Some(
                OutputRedirect::Truncate(Expr::String(path, _))
                | OutputRedirect::Append(Expr::String(path, _)),
            ) if path == "/dev/stdout" || path == "-" => {
                *output = None;
                Ok(())
            }
            Some(OutputRedirect::Truncate(_) | OutputRedirect::Append(_)) => {
                refused("output to a file", location)
            }
            Some(OutputRedirect::Pipe(_)) => refused("output to a command", location),
        }
    }

    fn array(&mut self, name: &str) -> Result<String, String> {
        match name {
            "ENVIRON" => {
                self.environment = true;
                Ok(ENVIRONMENT.to_owned())
            }
            "PROCINFO" => Err("PROCINFO cannot be used on this host".to_owned()),
            name => Ok(name.to_owned()),
        }
    }

    fn all(&mut self, expressions: &mut [Expr]) -> Checked {
        expressions.iter_mut().try_for_each(|expression| self.expression(expression))
    }

    fn expression(&mut self, expression: &mut Expr) -> Checked {
        match expression {
            Expr::Number(..) | Expr::String(..) => Ok(()),
            Expr::Regex(regex, _) => self.regex(regex),
            // Without parentheses it is still the function.
            Expr::Var(name, location) if name == "length" => {
                let record = Expr::Field(Box::new(Expr::Number(0.0, NOWHERE)), NOWHERE);
                *expression = Expr::Call { name: name.clone(), args: vec![record], location: *location };
                Ok(())
            }
            Expr::Var(name, _) => {
                *name = self.array(name)?;
                Ok(())
            }
            Expr::Field(inner, _)
            | Expr::PreIncrement(inner, _)
            | Expr::PreDecrement(inner, _)
            | Expr::PostIncrement(inner, _)
            | Expr::PostDecrement(inner, _)
            | Expr::Group(inner, _)
            | Expr::Unary { operand: inner, .. } => self.expression(inner),
            Expr::ArrayAccess { array, indices, .. } | Expr::InArray { key: indices, array, .. } => {
                *array = self.array(array)?;
                self.all(indices)
            }
            Expr::Binary { left: one, right: other, .. }
            | Expr::Assign { target: one, value: other, .. }
            | Expr::Match { expr: one, pattern: other, .. } => {
                self.expression(one)?;
                self.expression(other)
            }
            Expr::Ternary { condition, then_expr, else_expr, .. } => {
                self.expression(condition)?;
                self.expression(then_expr)?;
                self.expression(else_expr)
            }
            Expr::Getline { var, input, location } => {
                if input.is_some() {
                    return refused("getline from a file or a command", *location);
                }
                var.as_mut().map_or(Ok(()), |var| self.expression(var))
            }
            Expr::Call { name, args, location } => {
                self.all(args)?;
                match (name.as_str(), args.len()) {
                    ("system", _) => return refused("system", *location),
                    ("systime", _) => *expression = self.seconds(),
                    ("strftime", 0) => {
                        args.push(Expr::String("%a %b %e %H:%M:%S %Z %Y".to_owned(), NOWHERE));
                        args.push(self.seconds());
                    }
                    ("strftime", 1) => args.push(self.seconds()),
                    ("srand", 0) => args.push(self.seconds()),
                    ("rand", _) => self.random = true,
                    _ => {}
                }
                Ok(())
            }
        }
    }
}

fn block_statement(statements: Vec<Stmt>) -> Stmt {
    Stmt::Block(block(statements))
}

/// What `exit` does: in END without a code it keeps the one that there is.
fn exit(code: Option<Expr>, within: Within) -> Vec<Stmt> {
    let mut statements = vec![assign(variable(EXITED), Expr::Number(1.0, NOWHERE))];
    if code.is_some() || within != Within::End {
        statements.push(Stmt::Exit { code, location: NOWHERE });
    }
    statements.push(end_of_rule());
    statements
}
