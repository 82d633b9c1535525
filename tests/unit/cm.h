/* cm: cmocka with the headers that it wants before itself, in the order that it wants. */
#ifndef MEMVIP_TEST_CM_H
#define MEMVIP_TEST_CM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define RUN(tests) cmocka_run_group_tests(tests, NULL, NULL)

#endif
