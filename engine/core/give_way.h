// GiveWay, LetOthersRun: for threads that compute for long, beside threads that somebody waits for.
#ifndef CHAINRULE_ENGINE_CORE_GIVE_WAY_H_
#define CHAINRULE_ENGINE_CORE_GIVE_WAY_H_

namespace chainrule::engine {

// From now on the calling thread, and threads that it starts, get a tenth of what the
// process's other threads get of a core that both want, and the whole of one that is free.
// Its nice value is 10 above the main thread's.
void GiveWay();

// Between two pieces of work: who waits for this core runs now, if the calling thread gives way
// and has not done this a moment ago. Else nothing.
void LetOthersRun();

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_CORE_GIVE_WAY_H_
