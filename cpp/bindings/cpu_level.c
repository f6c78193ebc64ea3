/* Tells which x86-64 instruction set level this processor offers. Plain C without any SIMD flag:
   it is the first compiled code that runs, on whatever processor there is. */
#define PY_SSIZE_T_CLEAN
#include "cpu_level.h"

#include <Python.h>

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
