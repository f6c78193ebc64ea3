/* The x86-64 instruction set level of the processor that runs this: "v4", "v3", "v2" or "plain".
   Plain C without any SIMD flag, for the extension at import and for CMake at configuration. */
#ifndef SPARSETRANSFER_CPU_LEVEL_H
#define SPARSETRANSFER_CPU_LEVEL_H

#if defined(_MSC_VER) && defined(_M_X64)
#include <intrin.h>
static const char* level(void) {
  int leaf1[4], leaf7[4];
  unsigned long long enabled;
  __cpuid(leaf1, 1);
  if (!(leaf1[2] & (1 << 20))) return "plain";
  if (!(leaf1[2] & (1 << 27)) || !(leaf1[2] & (1 << 12))) return "v2"; /* OSXSAVE, FMA */
  enabled = _xgetbv(0);
  __cpuidex(leaf7, 7, 0);
  if ((enabled & 6) != 6 || !(leaf7[1] & (1 << 5))) return "v2"; /* AVX state, AVX2 */
  /* AVX-512 state and F, DQ, CD, BW, VL */
  if ((enabled & 0xe6) == 0xe6 && (leaf7[1] & 0xd0030000) == (int)0xd0030000) return "v4";
  return "v3";
}
#elif defined(__x86_64__)
static const char* level(void) {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    return "v4";
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("bmi2"))
    return "v3";
  if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt")) return "v2";
  return "plain";
}
#else
static const char* level(void) { return "plain"; }
#endif

#endif
