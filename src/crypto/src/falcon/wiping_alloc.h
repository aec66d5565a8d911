/* Put in front of pqclean's fips202.c: its SHAKE states hold key seeds, so they are wiped when
 * freed. */
#pragma once

#include <stdlib.h>

void i2_pqclean_free_wiped(void* block);

#define free i2_pqclean_free_wiped
