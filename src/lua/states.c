/* What every program but the module is linked with: see state.h. */
#include "lua/state.h"

const bool ls_states_are_programs = false;
