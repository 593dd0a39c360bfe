import cProfile, pstats
def test_x(tasks, first_model, tokenizer, candidate):
    from optimerge.objectives.tasks import load_tasks
    from optimerge.space.objectives import TaskObjective
    import time
    for n in ("pick","next","text","say"):
        p=cProfile.Profile(); p.enable()
        (s,)=load_tasks([TaskObjective(task=n)],model=first_model,tokenizer=tokenizer,include_path=tasks,seed=0)
        p.disable()
        print("LOAD",n); pstats.Stats(p).sort_stats('tottime').print_stats(6)
        s.score(candidate)
        p=cProfile.Profile(); p.enable()
        t=time.process_time(); s.score(candidate); 
        p.disable(); print("SCORE",n,time.process_time()-t)
        pstats.Stats(p).sort_stats('tottime').print_stats(8)
