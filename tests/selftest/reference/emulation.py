"""A slow emulation of kernels in NumPy, for any arithmetic and any order of summation."""

from dataclasses import dataclass

import numpy as np

from reference.arithmetic import Arithmetic
from reference.formats import Format

ORDERS = ("one by one", "pairwise")
ASSOCIATIONS = {
    "(x W + b) + h U": lambda add, xW, b, hU: add(add(xW, b), hU),
    "(x W + h U) + b": lambda add, xW, b, hU: add(add(xW, hU), b),
    "x W + (b + h U)": lambda add, xW, b, hU: add(xW, add(b, hU)),
}
ONTO = "the products of h U, added to x W + b one by one"
"""The association that XLA uses for a batch of one."""
FUSED = "all products and the bias in one sum"
"""The association of a kernel that fuses everything before one rounding."""


def truncated(form: Format, values):
    """Return the numbers of the format next to the values, on the side of zero."""
    spacing = form.ulp(values)
    return np.trunc(values / spacing) * spacing


@dataclass
class Machine:
    """The operations of an arithmetic on float64 arrays that hold numbers of its format.

    order: in which products are added. rng: shuffles the terms of each product. Every sum of two
    numbers of at most 24 bits, and every product of them, is the same whether it is computed in
    float64 first or at once (Figueroa, SIGNUM Newsletter 30, 1995).
    """

    arithmetic: Arithmetic
    order: str
    rng: np.random.Generator

    def number(self, values):
        """Return the result of an elementwise operation with this exact value."""
        return self._flush(self.arithmetic.form.round(values))

    def add(self, a, b):
        return self.number(self._flush(a) + self._flush(b))

    def matmul(self, left, right):
        """Return the product of matrices (..., i) and (i, n)."""
        return self.finished(self.sum(self.terms(left, right)))

    def terms(self, left, right):
        """Return the i products (i, ..., n) of which the product is the sum, in a random order."""
        a = self.arithmetic
        left, right = (self._flush(operand) for operand in (left, right))
        if a.operand_form != a.form:
            left, right = (truncated(a.operand_form, operand) for operand in (left, right))
        found = np.moveaxis(left[..., None] * right, -2, 0)
        return self._rounded_sum(found)[self.rng.permutation(len(found))]

    def sum(self, terms):
        if self.order == "pairwise":
            while len(terms) > 1:
                odd = terms[len(terms) - len(terms) % 2 :]
                terms = np.concatenate([self._rounded_sum(terms[0:-1:2] + terms[1::2]), odd])
            return terms[0]
        total = np.zeros_like(terms[0])
        for term in terms:
            total = self._rounded_sum(total + term)
        return total

    def finished(self, total):
        """Return a sum of products as a number of the dtype."""
        a = self.arithmetic
        if not a.rounds_products:
            return total
        return self._flush(truncated(a.form, total) if a.truncates else a.form.round(total))

    def _rounded_sum(self, values):
        a = self.arithmetic
        cut_off = a.truncates and not a.rounds_products
        values = truncated(a.sum_form, values) if cut_off else a.sum_form.round(values)
        return np.where(np.abs(values) < a.sum_form.smallest, 0, values) if a.flushes else values

    def _flush(self, values):
        a = self.arithmetic
        return np.where(np.abs(values) < a.form.smallest, 0, values) if a.flushes else values


def step(machine: Machine, recurrence, x, h, association: str):
    """Return z = x W + h U + b of one step as the machine computes it."""
    W, U, b = recurrence.kernel, recurrence.recurrent_kernel, recurrence.bias
    if association in ASSOCIATIONS:
        xW, hU = machine.matmul(x, W), machine.matmul(h, U)
        return ASSOCIATIONS[association](machine.add, xW, b, hU)
    start = machine.add(machine.matmul(x, W), b)[None]
    if association == FUSED:
        start = np.concatenate([machine.terms(x, W), np.broadcast_to(b, (1, *start.shape[1:]))])
    one_by_one = Machine(machine.arithmetic, "one by one", machine.rng)
    return machine.finished(one_by_one.sum(np.concatenate([start, machine.terms(h, U)])))


SLOPES = {
    "linear": lambda machine, y: np.ones_like(y),
    "relu": lambda machine, y: (y > 0).astype(float),
    "tanh": lambda machine, y: machine.number(1 - machine.number(y * y)),
}
"""The slope of each activation as kernels compute it from the output y."""

GROUPINGS = {
    "all at once": lambda a: a.reshape(1, -1, a.shape[-1]),
    "by step": lambda a: a.swapaxes(0, 1),
    "by row": lambda a: a,
}
"""Arrangements of a (batch, time, i) as (G, k, i), for a sum of G products of matrices."""


def outputs(machine: Machine, problem, activation):
    """Return the outputs (batch, time, units) of a layer without masks, from a state of zeros."""
    r, x = problem.recurrence, problem.inputs
    h, found = np.zeros((len(x), r.units)), []
    for t in range(x.shape[1]):
        z = step(machine, r, x[:, t], h, "(x W + b) + h U")
        h = machine.number(activation(z))
        found.append(h)
    return np.stack(found, axis=1)


def gradients(machine: Machine, problem, outputs, grouping: str):
    """Return the gradients by name, and dz, of a backward pass without masks."""
    r, x = problem.recurrence, problem.inputs
    dz, dh = np.zeros(outputs.shape), problem.state_weights
    for t in reversed(range(x.shape[1])):
        g = machine.add(problem.output_weights[:, t], dh)
        dz[:, t] = machine.number(g * SLOPES[r.activation](machine, outputs[:, t]))
        dh = machine.matmul(dz[:, t], r.recurrent_kernel.T)
    states = np.concatenate([np.zeros((len(x), 1, r.units)), outputs[:, :-1]], axis=1)

    def product_sum(left):
        parts = [GROUPINGS[grouping](part) for part in (left, dz)]
        return added([machine.matmul(a.T, b) for a, b in zip(*parts, strict=True)])

    def added(terms):
        total = terms[0]
        for term in terms[1:]:
            total = machine.add(total, term)
        return total

    found = {
        "inputs": machine.matmul(dz, r.kernel.T),
        "kernel": product_sum(x),
        "recurrent_kernel": product_sum(states),
        "bias": added(dz.reshape(-1, r.units)),
        "initial_state": dh,
    }
    return found, found["inputs"][..., -r.units :]
