# Waits for the verdict on a frozen source and sets verdict to committed, kept or thawed. $1 whether the source has
# handed over already, yes or no. Uses descriptors 7, our answers, and 8, the words that come in.
#
# Words come as long as somebody is there: 20 s without one is four beats missed. A waiting that no laptop ends
# after the destination took over ends by itself a minute later, with the images kept.
decide() {
    handed=$1 missed=0 verdict=
    ticking=$$
    (
        trap 'kill "$nap"; exit' TERM
        while kill -0 "$ticking" 2>/dev/null; do
            sleep 5 &
            nap=$!
            wait "$nap"
            echo tick >&8
        done
    ) 7>&- &
    ticker=$!
    while [ -z "$verdict" ] && read -r word <&8; do
        case $word in
            alive) missed=0 ;;
            handed)
                # From here on nothing of it may run, whoever is killed: CRIU's hold on the processes ends with CRIU. If
                # that has happened already, they may have run on.
                shut
                if held; then
                    handed=yes missed=0
                    state handed
                    echo handed >&7
                else
                    verdict=thawed
                fi
                ;;
            commit) [ $handed = yes ] && verdict=committed ;;
            abort) verdict=thawed ;;
            lost)
                stamp lost
                if [ $handed = no ]; then verdict=thawed; fi
                ;;
            tick)
                missed=$((missed + 1))
                if [ $missed = 4 ]; then stamp expired; fi
                if [ $handed = no ] && [ $missed -ge 4 ]; then verdict=thawed; fi
                if [ $handed = yes ] && [ $missed -ge 12 ]; then verdict=kept; fi
                ;;
        esac
    done
    kill "$ticker" 2>/dev/null
    verdict=${verdict:-thawed}
    echo "$verdict" >"$directory/decided"
}
