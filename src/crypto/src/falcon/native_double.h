/*
 * Falcon's floating point on the hardware's doubles. Put in front of every Falcon source except
 * fpr.c, which keeps the tables and the integer exponential.
 *
 * pqclean represents a number as the bits of an IEEE-754 binary64 in a uint64_t and computes with
 * integers. The results are defined to be those of binary64 with round-to-nearest-even, so the same
 * operation on a double gives the same bits; only time differs. That needs doubles that are exactly
 * binary64 and no contraction of a*b+c (-ffp-contract=off).
 *
 * Division and square root may take operand-dependent time on some processors: this build is for
 * short-lived keys, not for identities and anchors.
 */
#pragma once

#include <float.h>
#include <stdint.h>
#include <string.h>

#if FLT_RADIX != 2 || DBL_MANT_DIG != 53 || DBL_MAX_EXP != 1024 || FLT_EVAL_METHOD != 0
#error "double is not IEEE-754 binary64 here: configure with -DI2_FALCON_NATIVE_DOUBLE=OFF"
#endif
#if defined(__FAST_MATH__)
#error "Falcon's arithmetic must be exact: compile without -ffast-math"
#endif

#include "inner.h"

static inline double i2_to_double(fpr bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline fpr i2_to_fpr(double value) {
  fpr bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static inline fpr i2_fpr_add(fpr x, fpr y) {
  return i2_to_fpr(i2_to_double(x) + i2_to_double(y));
}
static inline fpr i2_fpr_sub(fpr x, fpr y) {
  return i2_to_fpr(i2_to_double(x) - i2_to_double(y));
}
static inline fpr i2_fpr_mul(fpr x, fpr y) {
  return i2_to_fpr(i2_to_double(x) * i2_to_double(y));
}
static inline fpr i2_fpr_div(fpr x, fpr y) {
  return i2_to_fpr(i2_to_double(x) / i2_to_double(y));
}
static inline fpr i2_fpr_inv(fpr x) {
  return i2_to_fpr(1.0 / i2_to_double(x));
}
static inline fpr i2_fpr_sqr(fpr x) {
  return i2_fpr_mul(x, x);
}
static inline fpr i2_fpr_half(fpr x) {
  return i2_to_fpr(i2_to_double(x) * 0.5);
}
static inline fpr i2_fpr_double(fpr x) {
  return i2_to_fpr(i2_to_double(x) * 2.0);
}
static inline fpr i2_fpr_sqrt(fpr x) {
  return i2_to_fpr(__builtin_sqrt(i2_to_double(x)));
}
static inline fpr i2_fpr_of(int64_t i) {
  return i2_to_fpr((double)i);
}
static inline int i2_fpr_lt(fpr x, fpr y) {
  return i2_to_double(x) < i2_to_double(y);
}

#undef fpr_add
#undef fpr_mul
#undef fpr_div
#undef fpr_sqrt
#define fpr_add i2_fpr_add
#define fpr_sub i2_fpr_sub
#define fpr_mul i2_fpr_mul
#define fpr_div i2_fpr_div
#define fpr_inv i2_fpr_inv
#define fpr_sqr i2_fpr_sqr
#define fpr_half i2_fpr_half
#define fpr_double i2_fpr_double
#define fpr_sqrt i2_fpr_sqrt
#define fpr_of i2_fpr_of
#define fpr_lt i2_fpr_lt
/* fpr_rint, fpr_floor, fpr_trunc stay integer code: cheap, and defined for -0 as the sampler needs
 * it. */
