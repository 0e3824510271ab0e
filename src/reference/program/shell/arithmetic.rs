//! `$((…))`: whole numbers that wrap around, variables by name, assignments.

use brush_parser::ast::{ArithmeticExpr, ArithmeticTarget, BinaryOperator, UnaryAssignmentOperator, UnaryOperator};

use super::state::Shell;

/// The longest expression that is read.
const LONGEST: usize = 4096;

/// Variables whose values are expressions whose variables…
const DEEPEST: usize = 20;

impl Shell {
    /// The value of an expression; the error is the shell's text.
    pub(super) fn arithmetic(&mut self, text: &str) -> Result<i64, String> {
        self.value_of(text, 0)
    }

    fn value_of(&mut self, text: &str, depth: usize) -> Result<i64, String> {
        let text = text.trim();
        if let Ok(number) = text.parse() {
            return Ok(number);
        }
        if text.len() > LONGEST || depth > DEEPEST || super::script::is_too_deep(text) {
            return Err("arithmetic: expression too deep".into());
        }
        let tree = brush_parser::arithmetic::parse(text).map_err(|_| "arithmetic syntax error".to_owned())?;
        self.calculate(&tree, depth)
    }

    fn variable_value(&mut self, name: &str, depth: usize) -> Result<i64, String> {
        match self.get(name).map(str::to_owned) {
            Some(text) if !text.trim().is_empty() => self.value_of(&text, depth + 1),
            _ => Ok(0),
        }
    }

    fn calculate(&mut self, tree: &ArithmeticExpr, depth: usize) -> Result<i64, String> {
        match tree {
            ArithmeticExpr::Literal(number) => Ok(*number),
            ArithmeticExpr::Reference(target) => self.variable_value(name(target)?, depth),
            ArithmeticExpr::UnaryOp(operator, operand) => {
                let value = self.calculate(operand, depth)?;
                Ok(match operator {
                    UnaryOperator::UnaryPlus => value,
                    UnaryOperator::UnaryMinus => value.wrapping_neg(),
                    UnaryOperator::BitwiseNot => !value,
                    UnaryOperator::LogicalNot => i64::from(value == 0),
                })
            }
            ArithmeticExpr::BinaryOp(BinaryOperator::LogicalAnd, left, right) => {
                Ok(i64::from(self.calculate(left, depth)? != 0 && self.calculate(right, depth)? != 0))
            }
            ArithmeticExpr::BinaryOp(BinaryOperator::LogicalOr, left, right) => {
                Ok(i64::from(self.calculate(left, depth)? != 0 || self.calculate(right, depth)? != 0))
            }
            ArithmeticExpr::BinaryOp(operator, left, right) => {
                let (left, right) = (self.calculate(left, depth)?, self.calculate(right, depth)?);
                combine(*operator, left, right)
            }
            ArithmeticExpr::Conditional(condition, yes, no) => {
                let chosen = if self.calculate(condition, depth)? != 0 { yes } else { no };
                self.calculate(chosen, depth)
            }
            ArithmeticExpr::Assignment(target, value) => {
                let value = self.calculate(value, depth)?;
                self.assign_number(target, value)
            }
            ArithmeticExpr::BinaryAssignment(operator, target, value) => {
                let right = self.calculate(value, depth)?;
                let left = self.variable_value(name(target)?, depth)?;
                self.assign_number(target, combine(*operator, left, right)?)
            }
            ArithmeticExpr::UnaryAssignment(operator, target) => {
                let before = self.variable_value(name(target)?, depth)?;
                let after = match operator {
                    UnaryAssignmentOperator::PrefixIncrement | UnaryAssignmentOperator::PostfixIncrement => before.wrapping_add(1),
                    UnaryAssignmentOperator::PrefixDecrement | UnaryAssignmentOperator::PostfixDecrement => before.wrapping_sub(1),
                };
                self.assign_number(target, after)?;
                let is_prefix = matches!(operator, UnaryAssignmentOperator::PrefixIncrement | UnaryAssignmentOperator::PrefixDecrement);
                Ok(if is_prefix { after } else { before })
            }
        }
    }

    fn assign_number(&mut self, target: &ArithmeticTarget, value: i64) -> Result<i64, String> {
        self.set(name(target)?, value.to_string())?;
        Ok(value)
    }
}

fn name(target: &ArithmeticTarget) -> Result<&str, String> {
    match target {
        ArithmeticTarget::Variable(name) => Ok(name),
        ArithmeticTarget::ArrayElement(..) => Err("arithmetic syntax error".into()),
    }
}

fn combine(operator: BinaryOperator, left: i64, right: i64) -> Result<i64, String> {
    let zero = || "divide by zero".to_owned();
    // A shift by more than there are bits wraps, as the machine does it.
    let shift = u32::try_from(right & 63).unwrap_or_default();
    Ok(match operator {
        BinaryOperator::Power => left.wrapping_pow(u32::try_from(right).map_err(|_| "arithmetic: negative exponent".to_owned())?),
        BinaryOperator::Divide | BinaryOperator::Modulo if right == 0 => return Err(zero()),
        BinaryOperator::Multiply => left.wrapping_mul(right),
        BinaryOperator::Divide => left.wrapping_div(right),
        BinaryOperator::Modulo => left.wrapping_rem(right),
        BinaryOperator::Comma => right,
        BinaryOperator::Add => left.wrapping_add(right),
        BinaryOperator::Subtract => left.wrapping_sub(right),
        BinaryOperator::ShiftLeft => left.wrapping_shl(shift),
        BinaryOperator::ShiftRight => left.wrapping_shr(shift),
        BinaryOperator::LessThan => i64::from(left < right),
        BinaryOperator::LessThanOrEqualTo => i64::from(left <= right),
        BinaryOperator::GreaterThan => i64::from(left > right),
        BinaryOperator::GreaterThanOrEqualTo => i64::from(left >= right),
        BinaryOperator::Equals => i64::from(left == right),
        BinaryOperator::NotEquals => i64::from(left != right),
        BinaryOperator::BitwiseAnd => left & right,
        BinaryOperator::BitwiseXor => left ^ right,
        BinaryOperator::BitwiseOr => left | right,
        BinaryOperator::LogicalAnd => i64::from(left != 0 && right != 0),
        BinaryOperator::LogicalOr => i64::from(left != 0 || right != 0),
    })
}
