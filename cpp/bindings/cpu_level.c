/* Tells which x86-64 instruction set level this processor offers. Plain C without any SIMD flag:
   it is the first compiled code that runs, on whatever processor there is. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

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

static PyObject* cpu_level(PyObject* self, PyObject* unused) {
  (void)self;
  (void)unused;
  return PyUnicode_FromString(level());
}

static PyMethodDef methods[] = {
    {"level", cpu_level, METH_NOARGS, "Return the processor's level: 'v4', 'v3', 'v2' or 'plain'."},
    {NULL, NULL, 0, NULL}};

static PyModuleDef_Slot slots[] = {
#if PY_VERSION_HEX >= 0x030c0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#if PY_VERSION_HEX >= 0x030d0000
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_cpu", NULL, 0, methods, slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__cpu(void) { return PyModuleDef_Init(&module); }
