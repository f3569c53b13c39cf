// What we call of libgomp, on which Debian's oneDNN stands: GCC's own header is not read by clang 14, and clang's
// belongs to another library, of which there must not be a second one in a program.
#pragma once

extern "C" {
int omp_get_max_threads(void);
int omp_get_num_procs(void);
int omp_get_thread_num(void);
void omp_set_num_threads(int count);
}
